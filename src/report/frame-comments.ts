/**
 * What is to be said on frames that convict, for whoever opens the captures with Wireshark. Ports and
 * checksums only, no addresses: nobody looks for those in comments.
 */
import type { FlowReport, SynReport, VerdictDocument } from '../analysis/verdict.js';
import { hex16 } from '../analysis/verdict.js';

/** A datagram whose outer checksum does not fit, as one capture shows it. */
export interface WrongDatagram {
  readonly sourcePort: number;
  readonly stored: number;
  readonly correct: number;
  /** Whether the inner checksum is still to be made by the NIC, and was counted as made. */
  readonly innerPending: boolean;
}

/** What is known of the outer ports of a convicted connection, by port. */
export interface ConvictedFlow {
  /** `10.244.0.0:64139` */
  readonly source: string;
  readonly destination: string;
  readonly ports: ReadonlyMap<number, PortBefore>;
}

export interface PortBefore {
  /** `undefined` for a zero that was mangled. */
  readonly port: number | undefined;
}

/** The connections with a stale or mangled checksum. */
export function convictedFlows({ flows }: VerdictDocument): ConvictedFlow[] {
  return flows.flatMap(flow => {
    const ports = portsOf(flow);
    const { source, destination } = flow.inner;
    return ports.size === 0 ? [] : [{ source, destination, ports }];
  });
}

function portsOf({ verdict, outer, syns }: FlowReport): Map<number, PortBefore> {
  const ports = new Map<number, PortBefore>();
  if (verdict !== 'stale-checksum' && verdict !== 'mangled-checksum') return ports;
  const note = (port: number, before: number | null, isStale: boolean) =>
    ports.set(port, { port: isStale ? (before ?? undefined) : undefined });
  if (outer && outer.sourcePortBefore !== outer.sourcePortAfter) {
    note(outer.sourcePortAfter, outer.sourcePortBefore, verdict === 'stale-checksum');
  }
  for (const { outerSourcePort, recoveredPort, checksum } of syns) {
    const state = checksum?.state;
    if (outerSourcePort === null || (state !== 'stale' && state !== 'mangled')) continue;
    note(outerSourcePort, recoveredPort, state === 'stale');
  }
  return ports;
}

/** The comment on a datagram of such a connection. */
export function wrongDatagramComment(datagram: WrongDatagram, { port }: PortBefore): string {
  const { sourcePort, stored, correct, innerPending } = datagram;
  const first =
    port === undefined
      ? `outer UDP checksum ${hex16(stored)} is what was made of a zero checksum (not in use)`
      : `outer UDP checksum ${hex16(stored)} is right for source port ${port}`;
  const pending = innerPending
    ? ' The inner checksum is still to be made by the NIC, and is counted as made.'
    : '';
  return `stalesum: ${first}; this datagram says ${sourcePort}, which calls for ${hex16(correct)}.${pending}`;
}

/** Comments on frames of the overlays and the tap, which hold no wrong checksum, by capture and frame. */
export function companionComments(verdict: VerdictDocument): Map<string, Map<number, string>> {
  const roles = new Map(verdict.captures.map(({ name, role }) => [name, role]));
  const comments = new Map<string, Map<number, string>>();
  for (const flow of verdict.flows) {
    const what = flow.inner.protocol === 'udp' ? 'query' : 'SYN';
    for (const [index, syn] of flow.syns.entries()) {
      if (syn.checksum?.state !== 'stale' && syn.checksum?.state !== 'mangled') continue;
      for (const { capture, number } of syn.frames) {
        const text = companionText(roles.get(capture), `${what} ${index + 1}`, syn);
        if (text === undefined) continue;
        const frames = comments.get(capture) ?? new Map<number, string>();
        comments.set(capture, frames.set(number, `stalesum: ${text}`));
      }
    }
  }
  return comments;
}

function companionText(
  role: string | undefined,
  name: string,
  { outerSourcePort, recoveredPort, delivered }: SynReport,
): string | undefined {
  switch (role) {
    case 'overlay': {
      const fate = delivered === false ? '; it was not delivered' : '';
      return `${name} left in a datagram from port ${outerSourcePort} whose outer UDP checksum is wrong${fate}.`;
    }
    case 'tap':
      return `${name} in front of NAT, where its datagram still has source port ${recoveredPort}.`;
    case 'peer-overlay':
      return `${name} was taken out of a datagram whose outer UDP checksum is wrong: nobody verified it.`;
    default:
      return undefined;
  }
}
