/**
 * The engine for nodes that are reached by a command: `tcpdump -w -`, read as it streams. It has
 * nanosecond times and drop counts; it does not tell directions.
 */
import { CaptureStream } from '../capture-file/stream.js';
import { messageOf, StalesumError } from '../errors.js';
import type { RunningCommand } from '../node/node.js';
import type { CaptureEngine, CaptureRequest, CaptureStatistics, LiveCapture } from './engine.js';

/** What tcpdump gets to hand on what the kernel has taken, before it is told to end. Seconds. */
const GRACE_SECONDS = 5;

export const tcpdump: CaptureEngine = { name: 'tcpdump', start };

async function start(request: CaptureRequest): Promise<LiveCapture> {
  const { node, filter } = request;
  const name = `${node.name}/${request.interface}`;
  // Immediate mode: a block of the ring that is not full is otherwise lost when tcpdump is stopped.
  const args = ['-i', request.interface, '-n', '-s', '0', '-U', '--immediate-mode', '-w', '-'];
  const running = node.start('tcpdump', [
    ...args,
    '--time-stamp-precision=nano',
    ...(filter === '' ? [] : [filter]),
  ]);
  const words = new Words(running);
  const stream = new CaptureStream(name, request.onFrame, { sha256: false });
  let damage: unknown;
  running.stdout.on('data', (chunk: Uint8Array) => {
    try {
      stream.push(chunk);
    } catch (thrown) {
      damage ??= thrown;
    }
  });
  await words.until(/listening on/, () => refusal(name, words.text));
  return {
    stop: async () => {
      await running.stop('SIGINT', GRACE_SECONDS);
      if (damage) throw damage;
      return statistics(name, stream, words.text);
    },
  };
}

function statistics(name: string, stream: CaptureStream, words: string): CaptureStatistics {
  const { frames, interfaces } = stream.end();
  const drops = /^(\d+) packets? dropped by kernel/m.exec(words)?.[1];
  if (drops === undefined) {
    throw new StalesumError(
      'internal',
      `${name}: tcpdump ended without its counts: ${messageOf(words)}`,
    );
  }
  const byInterface = /^(\d+) packets? dropped by interface/m.exec(words)?.[1] ?? '0';
  return {
    linkType: interfaces[0]?.linkType ?? 1,
    frames,
    kernelDrops: Number(drops) + Number(byInterface),
  };
}

function refusal(name: string, words: string): StalesumError {
  const text = messageOf(words.trim() || 'it says nothing');
  const forbidden = /permission|not permitted/i.test(text);
  return new StalesumError(
    forbidden ? 'not-permitted' : 'internal',
    `${name}: tcpdump does not capture: ${text}`,
    forbidden ? 'capturing needs root, or CAP_NET_RAW in the network namespace' : undefined,
  );
}

/** What a command says on standard error, and a wait for a word in it. */
class Words {
  text = '';
  readonly #running: RunningCommand;
  #wake: () => void = () => undefined;

  constructor(running: RunningCommand) {
    this.#running = running;
    running.stderr.on('data', (chunk: Uint8Array) => {
      this.text += String(chunk);
      this.#wake();
    });
  }

  /** Resolves when the words match; rejects with `fault` if the command ends before. */
  async until(pattern: RegExp, fault: () => Error): Promise<void> {
    let over = false;
    void this.#running.ended.then(() => {
      over = true;
      this.#wake();
    });
    while (!pattern.test(this.text)) {
      if (over) throw fault();
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
  }
}
