/** The captures and watches of a live run: started together, and ended together whatever happens. */
import { join } from 'node:path';
import type { LiveCapture } from '../capture/engine.js';
import { EVERYTHING } from '../capture/filter.js';
import { writtenFilter } from '../capture/pcap-filter.js';
import { tcpdump } from '../capture/tcpdump.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import { StalesumError } from '../errors.js';
import { watchConntrack } from '../snapshot/conntrack-watch.js';
import { DEFAULT_TUNNEL_PORTS } from '../wire/packet.js';
import { CaptureWriter } from './capture-writer.js';
import type { RunPlan, RunProgress } from './run-plan.js';
import type { RunCapture } from './run-record.js';

interface RunningCapture {
  readonly name: string;
  readonly device: string;
  readonly writer: CaptureWriter;
  readonly live: LiveCapture;
}

/** Everything of a run that has to be ended. */
export class RunCaptures {
  /** Whether frames on the client's overlay are of interest to the progress. */
  watched = false;
  readonly #captures: RunningCapture[] = [];
  readonly #watches: { stop(): Promise<void> }[] = [];
  readonly #fault = new AbortController();
  /** Aborted by the user, or by a disk that takes no more. */
  readonly signal: AbortSignal;

  constructor(interruption: AbortSignal | undefined) {
    const signals = [this.#fault.signal, ...(interruption ? [interruption] : [])];
    this.signal = AbortSignal.any(signals);
  }

  async start(plan: RunPlan, folder: string, progress: RunProgress): Promise<void> {
    const { tunnelPort: port, innerFilter: inner, overlayFilter, keepPayload } = plan;
    const tunnel = { kind: 'tunnel', port, ...(inner && { inner }) } as const;
    const tunnelPorts = new Set([...DEFAULT_TUNNEL_PORTS, plan.tunnelPort]);
    const onFault = (fault: StalesumError) => this.#fault.abort(fault);
    const writing = { keepPayload, tunnelPorts, onFault };
    const points = plan.nodes.flatMap(({ node, engine, overlay, underlay, tap }, index) => [
      {
        node,
        layer: 'overlay',
        device: overlay,
        filter: overlayFilter,
        engine,
        isClients: index === 0,
      },
      { node, layer: 'underlay', device: underlay, filter: tunnel, engine, isClients: false },
      // Only libpcap reads netfilter's log.
      ...(tap === undefined
        ? []
        : [
            {
              node,
              layer: 'tap',
              device: tap,
              filter: EVERYTHING,
              engine: tcpdump,
              isClients: false,
            },
          ]),
    ]);
    const started = await Promise.allSettled([
      ...points.map(async ({ node, layer, device, filter, engine: taker, isClients }) => {
        const name = `${node.name}/${layer}.pcapng`;
        const description = `${layer} of ${node.name}`;
        const described = { name: device, description, filter: writtenFilter(filter) };
        const writer = new CaptureWriter(join(folder, name), described, writing);
        const onFrame = (frame: CapturedFrame) => {
          writer.visit(frame);
          if (isClients && this.watched) progress.overlayFrame(frame);
        };
        const live = await taker.start({ node, interface: device, filter, onFrame });
        this.#captures.push({ name, device, writer, live });
      }),
      ...plan.nodes.map(async ({ node, hasConntrack }) => {
        if (!hasConntrack) return;
        this.#watches.push(await watchConntrack(node, join(folder, node.name)));
      }),
    ]);
    const failed = started.find(result => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  /**
   * Ends all captures and watches; what each capture counted, in the order of their names.
   *
   * @throws what went wrong first, once all have ended
   */
  async stop(): Promise<RunCapture[]> {
    const { counted, faults } = await this.#end();
    const [fault] = faults;
    if (fault) throw fault.reason;
    return counted;
  }

  /** The same after a fault, whose own message is the one that counts. */
  async abandon(): Promise<RunCapture[]> {
    return (await this.#end()).counted;
  }

  async #end(): Promise<{ counted: RunCapture[]; faults: PromiseRejectedResult[] }> {
    const [captures, watches] = await Promise.all([
      Promise.allSettled(this.#captures.splice(0).map(endCapture)),
      Promise.allSettled(this.#watches.splice(0).map(watch => watch.stop())),
    ]);
    const counted = captures.flatMap(result =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    const faults = [...captures, ...watches].filter(result => result.status === 'rejected');
    return { counted: counted.sort((a, b) => a.name.localeCompare(b.name)), faults };
  }
}

async function endCapture({ name, device, writer, live }: RunningCapture): Promise<RunCapture> {
  const { linkType, kernelDrops, frames, interruption } = await live.stop();
  writer.end(linkType, kernelDrops, frames);
  if (interruption) throw new StalesumError('unavailable', `${name}: ${interruption}`);
  return { name, interface: device, kernelDrops };
}
