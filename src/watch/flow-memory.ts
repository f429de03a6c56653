/**
 * The flows that were reported, so that each is reported once: as many as there is room for, the one that
 * was not seen for longest making room for the next.
 */
import type { CapturedFrame } from '../capture-file/frame.js';
import type { Instant } from '../time.js';
import { formatAddress, formatEndpoint } from '../wire/address.js';
import { PROTOCOL_TCP, PROTOCOL_UDP } from '../wire/ip.js';
import { latin1Of } from './bytes-text.js';
import type { Judgement } from './judge.js';

/** Some 10 MB. */
export const MOST_FLOWS = 16_384;

export type FlowKind = 'stale' | 'mangled' | 'other';

export interface InnerFlow {
  readonly protocol: 'tcp' | 'udp' | 'other';
  readonly source: string;
  readonly destination: string;
}

export interface OuterEnds {
  readonly source: string;
  readonly destination: string;
  readonly destinationPort: number;
  readonly vni: number;
  readonly encapsulation: 'vxlan' | 'geneve';
}

/** An inner 5-tuple between two outer ends, on one interface. */
export interface WatchedFlow {
  readonly interface: string;
  /** Null where the tunnel carries no IP packet. */
  readonly inner: InnerFlow | null;
  readonly outer: OuterEnds;
  kind: FlowKind;
  /** Whether it was reported, and not only counted. */
  told: boolean;
  /** Why it is not what it was reported as; absent while it is. */
  retracted?: string;
  /** Of the datagram seen last. */
  outerSourcePort: number;
  difference: number;
  stored: number;
  /** How many of its datagrams were wrong. */
  datagrams: number;
  /** Frames of it that are kept as evidence. */
  kept: number;
  readonly firstSeen: Instant;
  lastSeen: Instant;
}

export class FlowMemory {
  readonly #limit: number;
  /** In the order in which they were seen last. */
  readonly #flows = new Map<string, WatchedFlow>();
  /** Always at the oldest: to begin anew each time would pass over all that were deleted since. */
  #oldest = this.#flows.keys();
  #evicted = 0;

  constructor(limit = MOST_FLOWS) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#flows.size;
  }

  /** Flows that made room for others. */
  get evicted(): number {
    return this.#evicted;
  }

  /** The flow of a datagram that is wrong, if it is known; the latest of all from now on. */
  find(interfaceName: string, frame: CapturedFrame, judgement: Judgement): WatchedFlow | undefined {
    const key = keyOf(interfaceName, frame, judgement);
    const flow = this.#flows.get(key);
    if (!flow) return undefined;
    this.#flows.delete(key);
    this.#flows.set(key, flow);
    return flow;
  }

  /** Adds the flow of a datagram that `find` did not find. Returns it, and what made room for it. */
  add(
    interfaceName: string,
    frame: CapturedFrame,
    judgement: Judgement,
    kind: FlowKind,
  ): { readonly flow: WatchedFlow; readonly evicted: WatchedFlow | undefined } {
    const evicted = this.#flows.size >= this.#limit ? this.#takeOldest() : undefined;
    if (evicted) this.#evicted++;
    const flow = newFlow(interfaceName, frame, judgement, kind);
    this.#flows.set(keyOf(interfaceName, frame, judgement), flow);
    return { flow, evicted };
  }

  /** Takes out the flows that were seen last before `seconds` (of the epoch). */
  *takeIdle(seconds: number): Generator<WatchedFlow> {
    for (const [key, flow] of this.#flows) {
      if (flow.lastSeen.seconds >= seconds) return;
      this.#flows.delete(key);
      yield flow;
    }
  }

  /** Takes out all there are. */
  takeAll(): Generator<WatchedFlow> {
    return this.takeIdle(Number.POSITIVE_INFINITY);
  }

  #takeOldest(): WatchedFlow | undefined {
    let next = this.#oldest.next();
    if (next.done) {
      this.#oldest = this.#flows.keys();
      next = this.#oldest.next();
    }
    if (next.done) return undefined;
    const flow = this.#flows.get(next.value);
    this.#flows.delete(next.value);
    return flow;
  }
}

/** The bytes that name a flow. Addresses stand side by side in both versions of IP. */
function keyOf(interfaceName: string, { bytes }: CapturedFrame, { packet }: Judgement): string {
  const { ip, outer, udp, sourcePort } = packet;
  const addresses = (layer: typeof ip) =>
    latin1Of(bytes, layer.sourceAt, layer.sourceAt + 2 * layer.addressLength);
  const inner =
    ip.version === 0
      ? ''
      : `${addresses(ip)}${ip.protocol}${sourcePort < 0 ? '' : latin1Of(bytes, ip.payload, ip.payload + 4)}`;
  return `${interfaceName}/${packet.vni}/${addresses(outer)}${latin1Of(bytes, udp + 2, udp + 4)}${inner}`;
}

function newFlow(
  interfaceName: string,
  { view, seconds, nanoseconds }: CapturedFrame,
  { packet, ...judgement }: Judgement,
  kind: FlowKind,
): WatchedFlow {
  const { ip, outer } = packet;
  const address = (at: number, length: number) => formatAddress(view, at, length);
  const endpoint = (at: number, port: number) =>
    port < 0 ? address(at, ip.addressLength) : formatEndpoint(address(at, ip.addressLength), port);
  return {
    interface: interfaceName,
    inner:
      ip.version === 0
        ? null
        : {
            protocol: protocolName(ip.protocol),
            source: endpoint(ip.sourceAt, packet.sourcePort),
            destination: endpoint(ip.destinationAt, packet.destinationPort),
          },
    outer: {
      source: address(outer.sourceAt, outer.addressLength),
      destination: address(outer.destinationAt, outer.addressLength),
      destinationPort: judgement.outerDestinationPort,
      vni: packet.vni,
      encapsulation: packet.encapsulation === 'geneve' ? 'geneve' : 'vxlan',
    },
    kind,
    told: false,
    outerSourcePort: judgement.outerSourcePort,
    difference: judgement.difference,
    stored: judgement.stored,
    datagrams: 0,
    kept: 0,
    firstSeen: { seconds, nanoseconds },
    lastSeen: { seconds, nanoseconds },
  };
}

function protocolName(protocol: number): InnerFlow['protocol'] {
  if (protocol === PROTOCOL_TCP) return 'tcp';
  return protocol === PROTOCOL_UDP ? 'udp' : 'other';
}
