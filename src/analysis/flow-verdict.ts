/** The verdict on one connection, from what its outer ports, SYNs and captures show. */

import { byOpening, layerOf } from './connections.js';
import { deliveries } from './delivery.js';
import { type ExaminedConnection, findingOf } from './examined-connection.js';
import type { CaptureInput } from './input.js';
import { isBoundReached } from './observation-warnings.js';
import type { PortFinding } from './outer-port.js';
import type { Grade, VerdictName } from './verdict.js';

export interface FlowVerdict {
  readonly verdict: VerdictName;
  readonly grade: Grade;
  /** The outer port that decides; `undefined` where none does. */
  readonly decisive: PortFinding | undefined;
  /** Why, in one sentence. */
  readonly because: string;
}

/** Judges a connection. Captures that lack something never give a clean verdict. */
export function judgeFlow(
  examined: ExaminedConnection,
  captures: readonly CaptureInput[],
): FlowVerdict {
  return convicted(examined) ?? corrupted(examined) ?? acquitted(examined, captures);
}

function convicted({ ports }: ExaminedConnection): FlowVerdict | undefined {
  const guilty = ports.filter(({ state }) => state === 'stale' || state === 'mangled');
  const decisive =
    guilty.find(({ namedBy }) => namedBy.length > 0) ?? guilty.find(({ doubt }) => doubt === '');
  if (!decisive) {
    const [doubtful] = guilty;
    if (!doubtful) return undefined;
    return inconclusive(`${doubtful.doubt}; conntrack entries of the sender would tell`, doubtful);
  }
  const grade = decisive.namedBy.length > 0 ? 'proved' : 'supported';
  return decisive.state === 'stale'
    ? {
        verdict: 'stale-checksum',
        grade,
        decisive,
        because: 'the outer checksum is right for another source port than the datagram has',
      }
    : {
        verdict: 'mangled-checksum',
        grade,
        decisive,
        because: 'a zero outer checksum was turned into one that the receiver verifies',
      };
}

function corrupted({ ports, sightings }: ExaminedConnection): FlowVerdict | undefined {
  const decisive = ports.find(({ state }) => state === 'invalid');
  if (decisive) {
    return {
      verdict: 'other-corruption',
      grade: 'supported',
      decisive,
      because: `the outer checksum is wrong, and not by a rewritten port: ${decisive.reason}`,
    };
  }
  const broken = sightings.find(
    ({ layer, flow }) => layer === 'underlay' && flow.innerMismatch > 0,
  );
  if (!broken) return undefined;
  return {
    verdict: 'other-corruption',
    grade: 'supported',
    decisive: ports[0],
    because:
      'the inner checksum is wrong and the outer one is not: broken before encapsulation, ' +
      'or by tunnel offload of a NIC or hypervisor',
  };
}

function acquitted(examined: ExaminedConnection, captures: readonly CaptureInput[]): FlowVerdict {
  const { ports, attempts } = examined;
  const first = attempts[0] && findingOf(examined, attempts[0]);
  const decisive = first ?? ports[0];
  if (!decisive) return withoutDatagrams(captures);
  const missing = whatIsMissing(examined, captures);
  if (missing) return inconclusive(missing, decisive);
  const rewritten = ports.find(finding => finding.rewritten);
  if (rewritten) {
    return {
      verdict: 'double-snat-harmless',
      grade: 'proved',
      decisive: first?.rewritten ? first : rewritten,
      because:
        rewritten.state === 'zero'
          ? 'the outer source port was rewritten a second time, and the outer checksum is zero (not in use)'
          : 'the outer source port was rewritten a second time, and the outer checksum is right for the new one',
    };
  }
  if (decisive.rewritten === false) {
    return {
      verdict: 'not-rewritten',
      grade: 'proved',
      decisive,
      because: notRewritten(decisive),
    };
  }
  const lost = lostSyns(examined);
  if (lost > 0) {
    return inconclusive(
      `${lost === 1 ? 'a SYN was' : `${lost} SYNs were`} lost with nothing wrong in the outer checksum: ` +
        'this is not the stale checksum, but the captures do not show where it was lost',
      decisive,
    );
  }
  return {
    verdict: 'no-fault',
    grade: 'none',
    decisive,
    because: 'outer checksums are right or zero, and nothing was lost',
  };
}

function notRewritten({ binding, tapped, untracked }: PortFinding): string {
  if (untracked && !binding && !tapped) {
    return 'conntrack followed the connection and has no entry of its tunnel: the datagrams are not tracked, so not NATed';
  }
  const teller = binding ? `conntrack on ${binding.node}` : 'the tap in front of nat';
  return `${teller} shows that the outer source port was not rewritten`;
}

function withoutDatagrams(captures: readonly CaptureInput[]): FlowVerdict {
  if (captures.some(capture => layerOf(capture) === 'underlay')) {
    const incomplete = incompleteCapture(captures);
    if (incomplete) return inconclusive(incomplete, undefined);
    return {
      verdict: 'no-tunnel-traffic',
      grade: 'supported',
      decisive: undefined,
      because: 'the connection is on the overlay, and no encapsulated packet of it on the underlay',
    };
  }
  return inconclusive(
    'no underlay was captured: capture the NIC that carries the tunnel',
    undefined,
  );
}

function whatIsMissing(
  examined: ExaminedConnection,
  captures: readonly CaptureInput[],
): string | undefined {
  const { ports, sightings } = examined;
  const states = new Set(ports.map(({ state }) => state));
  if (!states.has('valid') && !states.has('zero')) {
    return states.has('partial')
      ? 'all outer checksums were still unfinished where they were captured: capture at the receiver'
      : 'no outer checksum could be verified: capture whole packets (tcpdump -s 0)';
  }
  if (ports.some(({ use }) => use.counts.unverifiable > 0)) {
    return 'some datagrams were cut off or fragmented: capture whole packets (tcpdump -s 0)';
  }
  const incomplete = incompleteCapture(captures);
  if (incomplete) return incomplete;
  if (sightings.some(({ flow }) => flow.notKept > 0)) {
    return 'the connection has more SYNs or outer ports than are remembered';
  }
  return undefined;
}

/** Why silence of the captures says nothing; `undefined` where they are whole. */
export function incompleteCapture(captures: readonly CaptureInput[]): string | undefined {
  const dropped = captures.find(({ kernelDrops }) => (kernelDrops ?? 0) > 0);
  if (dropped) return `the kernel dropped ${dropped.kernelDrops} packets of ${dropped.name}`;
  const cut = captures.find(({ truncated }) => truncated !== null);
  if (cut) return `${cut.name} is cut off`;
  const full = captures.find(({ observation }) => isBoundReached(observation));
  return full && `${full.name} holds more than is kept in memory: split it, or filter it`;
}

/** SYNs that were sent again, or never answered. */
function lostSyns(examined: ExaminedConnection): number {
  const { connection, attempts } = examined;
  if (connection.protocol !== 'tcp' || attempts.length === 0) return 0;
  const known = deliveries(examined).filter(delivered => delivered === false).length;
  const gotThrough = connection.reverse.length > 0 ? byOpening(attempts).length : 0;
  return Math.max(known, attempts.length - gotThrough);
}

function inconclusive(because: string, decisive: PortFinding | undefined): FlowVerdict {
  return { verdict: 'inconclusive', grade: 'none', decisive, because };
}
