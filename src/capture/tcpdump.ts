/**
 * The engine for nodes that are reached by a command: `tcpdump -w -`, read as it streams. It has
 * nanosecond times and drop counts; it does not tell directions.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CaptureStream } from '../capture-file/stream.js';
import { messageOf, StalesumError } from '../errors.js';
import type { RunningCommand } from '../node/node.js';
import {
  type CaptureEngine,
  type CaptureRequest,
  type CaptureStatistics,
  captureName,
  LINGER_MILLISECONDS,
  type LiveCapture,
} from './engine.js';
import { pcapFilterText } from './pcap-filter.js';

/** What tcpdump gets to hand on what the kernel has taken, before it is told to end. Seconds. */
const GRACE_SECONDS = 5;

export const tcpdump: CaptureEngine = { name: 'tcpdump', start };

async function start(request: CaptureRequest): Promise<LiveCapture> {
  const { node } = request;
  const filter = pcapFilterText(request.filter);
  const name = captureName(request);
  // Immediate mode: a block of the ring that is not full is otherwise lost when tcpdump is stopped.
  const args = [
    '-i',
    request.interface,
    '-n',
    '-p',
    '-s',
    '0',
    '-U',
    '--immediate-mode',
    '-w',
    '-',
  ];
  const running = node.start('tcpdump', [
    ...args,
    // Netfilter's log has microseconds, and libpcap refuses what it cannot give.
    ...(request.interface.startsWith('nflog:') ? [] : ['--time-stamp-precision=nano']),
    ...(filter === '' ? [] : [filter]),
  ]);
  const words = new Words(running);
  const stream = new CaptureStream(name, request.onFrame, { sha256: false });
  let damage: { readonly thrown: unknown } | undefined;
  running.stdout.on('data', (chunk: Uint8Array) => {
    if (damage) return;
    try {
      stream.push(chunk);
    } catch (thrown) {
      damage = { thrown };
    }
  });
  await words.until(/listening on/, () => refusal(name, words.text));
  return {
    stop: async () => {
      await sleep(LINGER_MILLISECONDS);
      const interruption = words.over ? endedEarly(words.text) : undefined;
      await running.stop('SIGINT', GRACE_SECONDS);
      if (damage) throw damage.thrown;
      return { ...statistics(name, stream, words.text), ...(interruption && { interruption }) };
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

/** Its last complaint: `tcpdump: pcap_loop: The interface disappeared`. */
function endedEarly(words: string): string {
  const complaint = /^tcpdump: (?!listening|verbose)(?:pcap_loop: )?(.+)$/m.exec(words)?.[1];
  return `tcpdump ended early: ${complaint ?? 'it does not say why'}`;
}

function refusal(name: string, words: string): StalesumError {
  const text = messageOf(words.trim() || 'it says nothing');
  const message = `${name}: tcpdump does not capture: ${text}`;
  if (/permission|not permitted/i.test(text)) {
    const remedy = 'capturing needs root, or CAP_NET_RAW in the network namespace';
    return new StalesumError('not-permitted', message, remedy);
  }
  return new StalesumError(/no such device|is not up/i.test(text) ? 'usage' : 'internal', message);
}

/** What a command says on standard error, and a wait for a word in it. */
class Words {
  text = '';
  /** Whether the command has ended. */
  over = false;
  #wake: () => void = () => undefined;

  constructor(running: RunningCommand) {
    running.stderr.on('data', (chunk: Uint8Array) => {
      this.text += String(chunk);
      this.#wake();
    });
    void running.ended.then(() => {
      this.over = true;
      this.#wake();
    });
  }

  /** Resolves when the words match; rejects with `fault` if the command ends before. */
  async until(pattern: RegExp, fault: () => Error): Promise<void> {
    while (!pattern.test(this.text)) {
      if (this.over) throw fault();
      await new Promise<void>(resolve => {
        this.#wake = resolve;
      });
    }
  }
}
