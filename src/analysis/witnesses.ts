/** The facts that speak for a conviction, each with the frames that show it. */
import type { ConntrackEvent } from '../snapshot/conntrack.js';
import { growth } from '../snapshot/counters.js';
import type { VxlanDevice } from '../snapshot/links.js';
import { secondsBetween } from '../time.js';
import { deliveries } from './delivery.js';
import { type ExaminedConnection, findingOf, onTheWire } from './examined-connection.js';
import type { PacketRecord } from './observation.js';
import type { PortFinding } from './outer-port.js';
import type { SidedSighting } from './sides.js';
import { type FrameReference, hex16, type Witness } from './verdict.js';

/** Witnesses for a stale or mangled port of a connection, strongest kinds first. */
export function witnessesFor(examined: ExaminedConnection, finding: PortFinding): Witness[] {
  return [
    arithmetic(examined, finding),
    conntrack(examined, finding),
    tap(examined, finding),
    sibling(examined, finding),
    portRange(examined, finding),
    receiverCounters(examined, finding),
    receiverSilence(examined, finding),
    timeline(examined, finding),
  ].filter(witness => witness !== undefined);
}

/** Frames of the SYNs, and of the first datagram, that left from the port with a wrong checksum. */
export function framesOf(examined: ExaminedConnection, finding: PortFinding): FrameReference[] {
  const frames = new Map<string, FrameReference>();
  const add = (capture: string, number: number) =>
    frames.set(`${capture} ${number}`, { capture, number });
  const isConvicted = ({ outer, outerChecksum }: PacketRecord) =>
    outer?.sourcePort === finding.use.sourcePort && outerChecksum.state === 'mismatch';
  for (const { capture, flow } of examined.sightings) {
    for (const use of flow.outerPorts) {
      if (use.sourcePort === finding.use.sourcePort && use.firstMismatch) {
        add(capture.name, use.firstMismatch.frame);
      }
    }
  }
  for (const { seen } of examined.attempts) {
    for (const { sighting, record } of seen) {
      if (isConvicted(record)) add(sighting.capture.name, record.frame);
    }
  }
  return [...frames.values()].sort(
    (a, b) => a.capture.localeCompare(b.capture) || a.number - b.number,
  );
}

/** `29051 + 0x7967 - 0x4662 = 42112`, with the address term where the address changed too. */
export function arithmeticText(finding: PortFinding): string | undefined {
  const { use, change, before } = finding;
  if (finding.state !== 'stale' || !use.mismatch || !before) return undefined;
  const { stored, correct } = use.mismatch.outerChecksum;
  const address = change ? ` + 2 x (addr(${use.source}) - addr(${before.source}))` : '';
  return `${use.sourcePort} + ${hex16(correct)} - ${hex16(stored)}${address} = ${before.sourcePort}`;
}

function arithmetic(examined: ExaminedConnection, finding: PortFinding): Witness | undefined {
  const frames = framesOf(examined, finding);
  if (finding.state === 'mangled') {
    return {
      kind: 'arithmetic',
      statement:
        'the stored checksum is what kernels before ea64d8d6c675 make of a zero checksum ' +
        `(${hex16(finding.use.mismatch?.outerChecksum.stored ?? 0xffff)}): the receiver verifies it and drops`,
      frames,
      chance: 1 / 0xffff,
    };
  }
  const text = arithmeticText(finding);
  if (!text) return undefined;
  const inner = finding.use.mismatch?.innerChecksum.state;
  return {
    kind: 'arithmetic',
    statement: `${text} in 16-bit one's-complement arithmetic; the inner checksum is ${inner}`,
    frames,
  };
}

function conntrack(examined: ExaminedConnection, finding: PortFinding): Witness | undefined {
  const { binding } = finding;
  if (!binding || !finding.namedBy.includes('conntrack')) return undefined;
  return {
    kind: 'conntrack',
    statement: `on ${binding.node}: ${binding.text}`,
    frames: framesOf(examined, finding),
    chance: 1 / 0xffff,
  };
}

/** The datagram before and behind the second SNAT, side by side. */
function tap(examined: ExaminedConnection, finding: PortFinding): Witness | undefined {
  const { tapped, use } = finding;
  if (!tapped || !finding.namedBy.includes('pre-nat-tap')) return undefined;
  const before = tapped.record.outerChecksum;
  const after = use.mismatch?.outerChecksum;
  const checksum = (stored: number) => (stored === 0 ? 'checksum 0' : `checksum ${hex16(stored)}`);
  return {
    kind: 'pre-nat-tap',
    statement:
      `in front of nat the datagram had source port ${tapped.outer.sourcePort} and ${checksum(before.stored)} ` +
      `(${before.state}), behind it port ${use.sourcePort} and ${checksum(after?.stored ?? 0)}`,
    frames: [
      { capture: tapped.capture, number: tapped.record.frame },
      ...framesOf(examined, finding),
    ],
    chance: 1 / 0xffff,
  };
}

function sibling(examined: ExaminedConnection, finding: PortFinding): Witness | undefined {
  const { sibling: use } = finding;
  if (!use?.valid) return undefined;
  const frames = examined.sightings.flatMap(({ capture, flow }) =>
    flow.outerPorts
      .filter(port => port.sourcePort === use.sourcePort && port.source === use.source)
      .flatMap(port =>
        port.firstValid ? [{ capture: capture.name, number: port.firstValid.frame }] : [],
      ),
  );
  return {
    kind: 'sibling',
    statement:
      `the same connection also left from port ${use.sourcePort} itself, not rewritten, ` +
      'with a right checksum',
    frames,
    chance: 1 / 0xffff,
  };
}

function portRange(examined: ExaminedConnection, finding: PortFinding): Witness | undefined {
  const { before, use } = finding;
  if (finding.state !== 'stale' || !before) return undefined;
  const range = devicePorts(examined);
  const inside = (port: number) => port >= range.low && port < range.high;
  if (!inside(before.sourcePort) || inside(use.sourcePort)) return undefined;
  const share = (range.high - range.low) / 0x10000;
  return {
    kind: 'port-range',
    statement:
      `${before.sourcePort} is a source port of ${range.name} (${portsText(range)}), ` +
      `${use.sourcePort} is not`,
    frames: [],
    chance: Number((share * (1 - share)).toPrecision(3)),
  };
}

function portsText({ low, high }: { low: number; high: number }): string {
  return high - low === 1 ? `only ${low}` : `${low}-${high - 1}`;
}

function devicePorts(examined: ExaminedConnection): { name: string; low: number; high: number } {
  const { device, sender } = examined;
  const name = device?.name ?? 'a VXLAN device with default settings';
  if (device?.sourcePorts) return { name, ...device.sourcePorts };
  const [low = 32768, last = 60999] =
    sender?.sysctls?.get('net.ipv4.ip_local_port_range')?.split(/\s+/).map(Number) ?? [];
  return { name, low, high: last + 1 };
}

function receiverCounters(examined: ExaminedConnection, finding: PortFinding): Witness | undefined {
  const { receiver } = examined;
  if (!receiver?.countersBefore || !receiver.countersAfter) return undefined;
  const name = finding.use.source.includes(':') ? 'Udp6InCsumErrors' : 'UdpInCsumErrors';
  const grown = growth(receiver.countersBefore, receiver.countersAfter, name);
  // Less than before: the node was started again in between, and nobody knows.
  if (grown === undefined || grown <= 0) return undefined;
  return {
    kind: 'receiver-counters',
    statement: `${name} +${grown} on ${receiver.node}`,
    frames: [],
  };
}

/** Convicted SYNs that arrived on the receiver's NIC and never came out of its tunnel. */
function receiverSilence(examined: ExaminedConnection, finding: PortFinding): Witness | undefined {
  const delivered = deliveries(examined);
  const frames = examined.attempts.flatMap((attempt, index) => {
    const wire = onTheWire(attempt, examined.sightings);
    if (wire?.outer?.sourcePort !== finding.use.sourcePort || delivered[index] !== false) return [];
    return attempt.seen.flatMap(({ sighting, record }) =>
      isPeerUnderlay(examined.sightings, sighting.flow)
        ? [{ capture: sighting.capture.name, number: record.frame }]
        : [],
    );
  });
  if (frames.length === 0) return undefined;
  const isUdp = examined.connection.protocol === 'udp';
  const [one, many] = isUdp ? ['one query', 'queries'] : ['one SYN', 'SYNs'];
  const what = frames.length === 1 ? one : `${frames.length} ${many}`;
  return {
    kind: 'receiver-silence',
    statement: `${what} arrived on the receiver's underlay and never appeared on its overlay`,
    frames,
  };
}

/**
 * What changed at the SYN that got through, as conntrack saw it: the entry of the others ended and a
 * new one began, or the SYN had another outer port and an entry of its own.
 */
function timeline(examined: ExaminedConnection, finding: PortFinding): Witness | undefined {
  const index = deliveries(examined).indexOf(true);
  const attempt = examined.attempts[index];
  const winner = attempt && findingOf(examined, attempt);
  if (index < 1 || !attempt || !winner?.binding || winner.binding.rewritten) return undefined;
  const events = examined.sender?.conntrackEvents ?? [];
  const isEntryOf = (port: number, { protocol, reply }: ConntrackEvent['entry']) =>
    protocol === 'udp' && reply.destinationPort === port;
  const near = ({ at }: ConntrackEvent) => Math.abs(secondsBetween(at, attempt.at)) < 1;
  const born = events.find(
    event => event.type === 'NEW' && near(event) && isEntryOf(winner.use.sourcePort, event.entry),
  );
  if (!born) return undefined;
  // The kernel's collector may take an expired entry away well before the SYN that misses it.
  const before = examined.attempts[index - 1]!.at;
  const died = events.find(
    ({ type, at, entry }) =>
      type === 'DESTROY' &&
      isEntryOf(finding.use.sourcePort, entry) &&
      secondsBetween(before, at) > 0 &&
      secondsBetween(at, attempt.at) > -1,
  );
  const since = secondsBetween(examined.attempts[0]!.at, attempt.at).toFixed(3);
  const ended = died ? 'conntrack [DESTROY] of the entry that rewrote the others, and ' : '';
  return {
    kind: 'timeline',
    statement: `at SYN ${index + 1} (${since} s): ${ended}[NEW] entry without SNAT, port ${winner.use.sourcePort}`,
    frames: attempt.seen.map(({ sighting, record }) => ({
      capture: sighting.capture.name,
      number: record.frame,
    })),
  };
}

function isPeerUnderlay(sightings: readonly SidedSighting[], flow: unknown): boolean {
  return sightings.some(
    sighting =>
      sighting.flow === flow && sighting.side === 'receiver' && sighting.layer === 'underlay',
  );
}

/** How the device is called, for sentences: `flannel.1`. */
export function deviceName(device: VxlanDevice | undefined): string {
  return device?.name ?? 'the VXLAN device';
}
