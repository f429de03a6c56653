/**
 * The engine for nodes that are reached by a command: `tcpdump -w -`, read as it streams. It has
 * nanosecond times and drop counts; it does not tell directions.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CaptureStream } from '../capture-file/stream.js';
import { messageOf, StalesumError } from '../errors.js';
import type { Node, RunningCommand } from '../node/node.js';
import {
  type CaptureEngine,
  type CaptureRequest,
  type CaptureStatistics,
  captureName,
  type LiveCapture,
} from './engine.js';
import { pcapFilterText } from './pcap-filter.js';

/** What tcpdump gets to end once it was told to. Seconds. */
const GRACE_SECONDS = 5;

/**
 * Told to end, tcpdump leaves unread what the kernel has taken. So it is told only when it has written
 * nothing for so long, or has gone on for so long because the link does. Milliseconds.
 */
const QUIET_MILLISECONDS = 100;
const PATIENCE_MILLISECONDS = 2000;
const QUIET_PAUSE_MILLISECONDS = 10;

/**
 * In immediate mode the buffer is cut in slots that each hold the longest packet, in blocks of a power of
 * two. So: what fits into 128 KiB with its header, twice the largest packet of offload; and 256 slots of
 * it, where tcpdump's own choice (256 KiB in 2 MiB) is 8, which any burst overruns.
 */
const SNAP_LENGTH = '130000';
const BUFFER_KIBIBYTES = '32768';

export const tcpdump: CaptureEngine = { name: 'tcpdump', start };

async function start(request: CaptureRequest): Promise<LiveCapture> {
  const { node } = request;
  const filter = pcapFilterText(request.filter);
  const name = captureName(request);
  const running = node.start('tcpdump', [
    ...['-i', request.interface, '-n', '-p', '-s', SNAP_LENGTH, '-B', BUFFER_KIBIBYTES],
    // Immediate mode: a block of the ring that is not full is otherwise lost when tcpdump is stopped.
    ...['-U', '--immediate-mode', '-w', '-'],
    // Netfilter's log has microseconds, and libpcap refuses what it cannot give.
    ...(request.interface.startsWith('nflog:') ? [] : ['--time-stamp-precision=nano']),
    ...(filter === '' ? [] : [filter]),
  ]);
  const words = new Words(running);
  const stream = new CaptureStream(name, request.onFrame, { sha256: false });
  let damage: { readonly thrown: unknown } | undefined;
  let lastWritten = performance.now();
  running.stdout.on('data', (chunk: Uint8Array) => {
    lastWritten = performance.now();
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
      await quiet(() => (words.over ? 0 : lastWritten));
      const interruption = words.over ? endedEarly(words.text, node) : undefined;
      await running.stop('SIGINT', GRACE_SECONDS);
      if (damage) throw damage.thrown;
      return statistics(name, stream, words.text, interruption);
    },
  };
}

/** Waits until the last thing was written a while ago, from now on. */
async function quiet(lastWritten: () => number): Promise<void> {
  const asked = performance.now();
  const now = () => performance.now();
  while (now() < Math.max(asked, lastWritten()) + QUIET_MILLISECONDS) {
    if (now() > asked + PATIENCE_MILLISECONDS) return;
    await sleep(QUIET_PAUSE_MILLISECONDS);
  }
}

function statistics(
  name: string,
  stream: CaptureStream,
  words: string,
  ended: string | undefined,
): CaptureStatistics {
  const { frames, interfaces } = stream.end();
  const drops = /^(\d+) packets? dropped by kernel/m.exec(words)?.[1];
  // Cut off, it has no last words; what it has captured counts all the same.
  if (drops === undefined && ended === undefined) {
    throw new StalesumError(
      'internal',
      `${name}: tcpdump ended without its counts: ${messageOf(words)}`,
    );
  }
  const interruption = ended ?? lostOnTheWay(frames, words);
  const byInterface = /^(\d+) packets? dropped by interface/m.exec(words)?.[1] ?? '0';
  return {
    linkType: interfaces[0]?.linkType ?? 1,
    frames,
    kernelDrops: Number(drops ?? 0) + Number(byInterface),
    ...(interruption !== undefined && { interruption }),
  };
}

/** By its own count; kubectl exec may lose the end of an output (kubernetes/kubernetes#124571). */
function lostOnTheWay(frames: number, words: string): string | undefined {
  const written = Number(/^(\d+) packets? captured/m.exec(words)?.[1] ?? frames);
  return written > frames
    ? `${written - frames} of the ${written} packets that tcpdump wrote did not arrive`
    : undefined;
}

/** Its last complaint: `tcpdump: pcap_loop: The interface disappeared`; or that of what carries it. */
function endedEarly(words: string, { elsewhere }: Node): string {
  const complaint = /^tcpdump: (?!listening|verbose)(?:pcap_loop: )?(.+)$/m.exec(words)?.[1];
  if (complaint !== undefined || !elsewhere) {
    return `tcpdump ended early: ${complaint ?? 'it does not say why'}`;
  }
  const carriers = /^(?:error|Error from server \(\w+\)): (.+)$/m.exec(words)?.[1];
  return `tcpdump ended early: its connection was cut${carriers === undefined ? '' : `: ${carriers}`}`;
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
