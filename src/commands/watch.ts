/** `stalesum watch [INTERFACE...]`: reports stale datagrams as they pass, until it is ended. */
import type { RingPlace } from '../capture/ring.js';
import { exitCodeOfFault, StalesumError } from '../errors.js';
import { nameOf, parseNode } from '../node/description.js';
import { watchComment, watchProgress, watchText } from '../report/watch.js';
import { progressOn } from '../terminal/progress.js';
import { eventLine, type WatchEvent } from '../watch/events.js';
import { LineWriter } from '../watch/line-writer.js';
import type { MetricsAddress } from '../watch/metrics-server.js';
import { watch } from '../watch/watch.js';
import { DEFAULT_TUNNEL_PORTS } from '../wire/packet.js';
import type { OutputOptions } from './options.js';

export interface WatchOptions extends OutputOptions {
  readonly node: string;
  readonly port: readonly number[];
  readonly sample: 'auto' | number;
  readonly metrics?: MetricsAddress;
  readonly evidence?: string;
  /** In megabytes. */
  readonly evidenceSize: number;
  /** In seconds. */
  readonly duration?: number;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Returns the exit code: 0 after a clean end, whatever was found. */
export async function watchInterfaces(
  interfaces: readonly string[],
  options: WatchOptions,
): Promise<number> {
  const stop = new AbortController();
  const place = placeOf(options.node);
  const writer = new LineWriter(process.stdout, () => stop.abort());
  const progress = progressOn(process.stderr, options.quiet || options.json);
  const emit = (event: WatchEvent) => {
    progress.clear();
    writer.write(options.json ? eventLine(event) : watchText(event, options));
  };
  const onSignal = () => {
    // Whoever is in such a hurry gets no last words.
    if (stop.signal.aborted) process.exit(exitCodeOfFault.interrupted);
    stop.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  const timer =
    options.duration === undefined
      ? undefined
      : setTimeout(() => stop.abort(), options.duration * 1000);
  try {
    await watch(
      {
        place,
        interfaces,
        ports: [...new Set([...DEFAULT_TUNNEL_PORTS, ...options.port])].sort((a, b) => a - b),
        sampling: options.sample === 'auto' ? undefined : options.sample,
        metrics: options.metrics,
        evidence:
          options.evidence === undefined
            ? undefined
            : { folder: options.evidence, mostBytes: options.evidenceSize * 1e6 },
      },
      {
        emit,
        comment: watchComment,
        progress: totals => progress.show(watchProgress(totals)),
        get linesDropped() {
          return writer.dropped;
        },
      },
      stop.signal,
    );
  } catch (thrown) {
    throw withoutOtherEngines(thrown);
  } finally {
    clearTimeout(timer);
    progress.clear();
  }
  if (writer.fault) throw writer.fault;
  // Node would wait for ever for a reader that is there and does not read.
  if (!(await writer.drained())) process.exit(0);
  return 0;
}

/** Of a node only its network namespace is needed: no command is run there. */
function placeOf(text: string): RingPlace {
  const description = parseNode(text);
  const name = nameOf(description);
  switch (description.kind) {
    case 'local':
      return { name, networkNamespace: '/proc/self/ns/net' };
    case 'netns':
      return { name, networkNamespace: `/run/netns/${description.name}` };
    case 'pid':
      return { name, networkNamespace: `/proc/${description.pid}/ns/net` };
    default:
      throw new StalesumError(
        'usage',
        `${text}: a watch runs on the machine whose interfaces it watches`,
        'run it there; for a container of this machine: --node pid:PID',
      );
  }
}

/** The ring's own remedy is another engine, and a watch has none. */
function withoutOtherEngines(thrown: unknown): unknown {
  if (!(thrown instanceof StalesumError) || !thrown.remedy?.includes('--engine')) return thrown;
  const remedy = 'stalesum reproduce --engine tcpdump captures there; a watch cannot';
  return new StalesumError(thrown.kind, thrown.message, remedy);
}
