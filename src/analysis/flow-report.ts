/** One connection, as the verdict document shows it. */
import { secondsBetween } from '../time.js';
import { formatEndpoint } from '../wire/address.js';
import type { Attempt } from './connections.js';
import { serviceOf } from './conntrack-lookup.js';
import { delayOf } from './delay.js';
import { deliveries } from './delivery.js';
import { type ExaminedConnection, findingOf, onTheWire } from './examined-connection.js';
import type { FlowVerdict } from './flow-verdict.js';
import { lookAlikeOf } from './look-alikes.js';
import type { PortFinding } from './outer-port.js';
import {
  type ChecksumState,
  type DatagramReport,
  type FlowReport,
  hex16,
  type SynReport,
} from './verdict.js';

/** @param connectSeconds what the client's kernel told of the connect time, if anything did */
export function reportFlow(
  examined: ExaminedConnection,
  judged: FlowVerdict,
  connectSeconds: number | undefined,
): FlowReport {
  const { connection, sender } = examined;
  const service = serviceOf(connection, sender);
  return {
    inner: {
      protocol: connection.protocol,
      source: endpoint(connection.source, connection.sourcePort),
      destination: endpoint(connection.destination, connection.destinationPort),
      service: service?.service ?? null,
    },
    verdict: judged.verdict,
    grade: judged.grade,
    outer: outerOf(judged.decisive),
    datagrams: datagramsOf(examined),
    syns: synsOf(examined),
    delay: delayOf(examined, connectSeconds) ?? null,
    because: judged.because,
    lookAlike: lookAlikeOf(examined, judged.verdict) ?? null,
  };
}

function endpoint(address: string, port: number): string {
  return port < 0 ? address : formatEndpoint(address, port);
}

function outerOf(decisive: PortFinding | undefined): FlowReport['outer'] {
  const outer = decisive?.use.first.outer;
  if (!decisive || !outer) return null;
  return {
    source: outer.source,
    sourceBefore: decisive.before?.source ?? null,
    destination: outer.destination,
    destinationPort: outer.destinationPort,
    vni: outer.vni,
    encapsulation: outer.encapsulation,
    sourcePortBefore: decisive.before?.sourcePort ?? null,
    sourcePortAfter: decisive.use.sourcePort,
  };
}

function datagramsOf({ datagrams, sightings, ports }: ExaminedConnection): DatagramReport {
  const convicted = { stale: 0, mangled: 0, invalid: 0 };
  let settledLater = 0;
  const seen = sightings.find(({ flow }) => flow.datagrams === datagrams)?.flow.outerPorts ?? [];
  for (const use of seen) {
    const finding = ports.find(
      port => port.use.sourcePort === use.sourcePort && port.use.source === use.source,
    );
    const state = finding?.state;
    if (state === 'stale' || state === 'mangled' || state === 'invalid') {
      convicted[state] += use.datagrams.mismatch;
    } else settledLater += use.datagrams.mismatch;
  }
  const { total, valid, zero, partial, unverifiable } = datagrams;
  // Wrong at the sender's NIC and right at the receiver: it was finished on the way.
  return { total, valid, zero, partial: partial + settledLater, ...convicted, unverifiable };
}

function synsOf(examined: ExaminedConnection): SynReport[] {
  const { attempts } = examined;
  const delivered = deliveries(examined);
  return attempts.map((attempt, index) => ({
    atSeconds: secondsBetween(attempts[0]!.at, attempt.at),
    ...outerSide(examined, attempt),
    delivered: delivered[index] ?? null,
    frames: attempt.seen.map(({ sighting, record }) => ({
      capture: sighting.capture.name,
      number: record.frame,
    })),
  }));
}

function outerSide(
  examined: ExaminedConnection,
  attempt: Attempt,
): Pick<SynReport, 'outerSourcePort' | 'recoveredPort' | 'checksum'> {
  const record = onTheWire(attempt, examined.sightings);
  if (!record?.outer) return { outerSourcePort: null, recoveredPort: null, checksum: null };
  const finding = findingOf(examined, attempt);
  const { stored, correct, state } = record.outerChecksum;
  const wrong = state === 'mismatch';
  return {
    outerSourcePort: record.outer.sourcePort,
    recoveredPort: finding?.rewritten ? (finding.before?.sourcePort ?? null) : null,
    checksum: {
      stored: hex16(stored),
      correct: hex16(wrong ? correct : stored),
      state: wrong ? convictedState(finding) : (state as ChecksumState),
    },
  };
}

function convictedState(finding: PortFinding | undefined): ChecksumState {
  return finding?.state === 'stale' || finding?.state === 'mangled' ? finding.state : 'invalid';
}
