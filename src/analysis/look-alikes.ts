/**
 * Faults that look like the bug from far (slow or failed connections across nodes) and are told apart
 * by what the captures show. Each gives the sentence that a ticket needs.
 */

import { deliveries, wasWatched } from './delivery.js';
import type { ExaminedConnection } from './examined-connection.js';
import type { Layer, Side } from './input.js';
import type { PacketRecord } from './observation.js';
import type { SidedSighting } from './sides.js';
import type { VerdictName } from './verdict.js';

/** The look-alike that a connection shows; `undefined` for the bug itself, and where nothing is wrong. */
export function lookAlikeOf(
  examined: ExaminedConnection,
  verdict: VerdictName,
): string | undefined {
  // A wrong checksum is explained already.
  if (['stale-checksum', 'mangled-checksum', 'other-corruption'].includes(verdict))
    return undefined;
  return lostDatagrams(examined) ?? refused(examined) ?? unanswered(examined) ?? tooLarge(examined);
}

/** Attempts that did not come out of the receiver's tunnel, by where they were seen last. */
function lostDatagrams(examined: ExaminedConnection): string | undefined {
  const delivered = deliveries(examined);
  const lost = examined.attempts.filter((_, index) => delivered[index] === false);
  if (lost.length === 0) return undefined;
  const what = examined.connection.protocol === 'udp' ? 'datagram' : 'SYN';
  const count = `${lost.length} ${what}${lost.length === 1 ? '' : 's'}`;
  const seenAt = (layer: Layer, side: Side) =>
    lost.filter(({ seen }) =>
      seen.some(({ sighting }) => {
        const sided = examined.sightings.find(({ flow }) => flow === sighting.flow);
        return sided?.layer === layer && sided.side === side;
      }),
    ).length;
  const all = (side: Side) =>
    lost.every(attempt => wasWatched(examined, 'underlay', side, attempt));
  if (seenAt('underlay', 'receiver') === lost.length) {
    if (lost.every(({ seen }) => seen.some(({ record }) => isZeroOverIpv6(record)))) {
      return (
        `${count} arrived on the receiver's NIC with a zero checksum over IPv6, which is dropped unless the VXLAN ` +
        'device there has udp6zerocsumrx (Udp6InCsumErrors counts them)'
      );
    }
    return (
      `${count} arrived on the receiver's NIC with a right outer checksum and never came out of its tunnel: a ` +
      'firewall, rp_filter, another VNI, or no VXLAN socket there (UdpNoPorts)'
    );
  }
  if (seenAt('underlay', 'sender') === lost.length && all('receiver')) {
    return (
      `${count} left the sender's NIC with a right outer checksum and did not reach the receiver's: loss on the ` +
      'path, or a hypervisor that takes the tunnel port for its own'
    );
  }
  if (seenAt('underlay', 'sender') === 0 && all('sender')) {
    return `${count} never left the sender's NIC: dropped by the sender (a conntrack clash, a firewall, no route)`;
  }
  return undefined;
}

function isZeroOverIpv6({ outer, outerChecksum }: PacketRecord): boolean {
  return outerChecksum.state === 'zero' && (outer?.source.includes(':') ?? false);
}

function refused({ connection }: ExaminedConnection): string | undefined {
  const { forward, reverse } = connection;
  const answered = reverse.some(({ flow }) => flow.synAcks.length > 0);
  const reset = reverse.some(({ flow }) => flow.resets > 0);
  if (connection.protocol !== 'tcp' || answered || !reset || forward.length === 0) return undefined;
  return 'the receiver answered with RST: the tunnel works, and nothing listens on that port';
}

function unanswered(examined: ExaminedConnection): string | undefined {
  const { connection, attempts } = examined;
  const delivered = deliveries(examined);
  const silent = connection.reverse.every(({ flow }) => flow.packets === 0);
  if (!silent || attempts.length === 0 || !delivered.every(state => state === true))
    return undefined;
  return 'everything was delivered and nothing was answered: the pod, a NetworkPolicy, or its way back';
}

/** Small packets pass and large ones do not: the largest that arrived is smaller than what was sent. */
function tooLarge(examined: ExaminedConnection): string | undefined {
  const sent = largest(examined, 'sender');
  const arrived = largest(examined, 'receiver');
  if (!sent || !arrived || sent.flow.largestPacket <= arrived.flow.largestPacket) return undefined;
  if (sent.flow.packets <= arrived.flow.packets) return undefined;
  return (
    `packets up to ${sent.flow.largestPacket} bytes left and none above ${arrived.flow.largestPacket} arrived, while ` +
    'smaller ones did: the path has a smaller MTU than the overlay counts on'
  );
}

function largest({ sightings }: ExaminedConnection, side: Side): SidedSighting | undefined {
  return sightings.find(sighting => sighting.layer === 'underlay' && sighting.side === side);
}
