/** The analysis as a whole: from observed captures and snapshots to the verdict document. */

import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import { formatInstant } from '../time.js';
import { TOOL } from '../version.js';
import { connectionsOf, layerOf } from './connections.js';
import { serviceOf } from './conntrack-lookup.js';
import { isProbed, judgeControl } from './control.js';
import { deliveries } from './delivery.js';
import { type ExaminedConnection, examineConnections } from './examined-connection.js';
import { type ExitPolicy, exitCodeFor } from './exit-code.js';
import { reportFlow } from './flow-report.js';
import { type FlowVerdict, judgeFlow } from './flow-verdict.js';
import type { AnalysisInput, CaptureInput, ProbedConnection } from './input.js';
import { recommend } from './recommendations.js';
import { withoutSharedDifferences } from './shared-difference.js';
import { summarize } from './summary.js';
import {
  type CaptureReport,
  type CaptureRole,
  type ControlReport,
  type DelaySummary,
  type Environment,
  type FlowReport,
  type Grade,
  VERDICT_SCHEMA,
  type VerdictDocument,
  type VerdictName,
} from './verdict.js';
import { witnessesFor } from './witnesses.js';

/** Flows listed in full; what is beyond is healthy, and counted in a warning. */
const LISTED_FLOWS = 1000;

/** Most serious first. */
const SERIOUSNESS: readonly VerdictName[] = [
  'stale-checksum',
  'mangled-checksum',
  'other-corruption',
  'no-tunnel-traffic',
  'inconclusive',
  'double-snat-harmless',
  'not-rewritten',
  'no-fault',
];

interface Judged {
  readonly examined: ExaminedConnection;
  readonly judged: FlowVerdict;
}

/** Judges everything that was captured; the gravest connection gives the verdict. */
export function analyze(input: AnalysisInput, policy: ExitPolicy): VerdictDocument {
  const examined = withoutSharedDifferences(
    examineConnections(connectionsOf(input.captures), input),
  );
  const control = judgeControl(input, examined);
  const flows = relevant(examined, input)
    .map(connection => ({ examined: connection, judged: judgeFlow(connection, input.captures) }))
    .filter(isWorthListing)
    .sort(bySeriousness);
  const main = flows[0];
  const { verdict, grade, because } = heldAgainstControl(main?.judged, control, input);
  const reports = flows
    .slice(0, LISTED_FLOWS)
    .map(flow => reportFlow(flow.examined, flow.judged, measuredConnect(flow.examined, input)));
  const warnings = warningsOf(input, flows, control);
  const isConviction = verdict === 'stale-checksum' || verdict === 'mangled-checksum';
  return {
    schema: VERDICT_SCHEMA,
    tool: TOOL,
    verdict,
    grade,
    exitCode: exitCodeFor(verdict, grade, hasDamage(input), policy),
    summary: summarize(verdict, grade, reports[0], because),
    witnesses:
      isConviction && main?.judged.decisive
        ? witnessesFor(main.examined, main.judged.decisive)
        : [],
    flows: reports,
    delays: summarizeDelays(reports),
    captures: input.captures.map(capture => reportCapture(capture, main?.examined)),
    control: control ?? null,
    environment: environmentOf(input),
    recommendations: recommend(verdict, main?.examined.device, because),
    warnings,
  };
}

/** In a live run the probe's own connections, without the control; otherwise all there are. */
function relevant(
  examined: readonly ExaminedConnection[],
  { run }: AnalysisInput,
): readonly ExaminedConnection[] {
  const control = run?.connections.find(({ purpose }) => purpose === 'control');
  return control ? examined.filter(connection => !isProbed(connection, control)) : examined;
}

/** Neighbour discovery and the like is examined, but listed only where something is wrong with it. */
function isWorthListing({ examined, judged }: Judged): boolean {
  const { connection } = examined;
  if (connection.protocol !== 'other') {
    const tunnelled = connection.forward.some(({ flow }) => flow.encapsulated);
    return tunnelled || examined.attempts.length > 0;
  }
  return judged.verdict === 'other-corruption';
}

function bySeriousness(a: Judged, b: Judged): number {
  return (
    SERIOUSNESS.indexOf(a.judged.verdict) - SERIOUSNESS.indexOf(b.judged.verdict) ||
    gradeRank(a.judged.grade) - gradeRank(b.judged.grade)
  );
}

function gradeRank(grade: Grade): number {
  return { proved: 0, supported: 1, none: 2 }[grade];
}

/** A live run whose control was not clean proves nothing, and acquits no one. */
function heldAgainstControl(
  judged: FlowVerdict | undefined,
  control: ControlReport | undefined,
  input: AnalysisInput,
): { verdict: VerdictName; grade: Grade; because: string } {
  const { verdict, grade, because } = judged ?? nothingFound(input);
  if (!control || control.clean) return { verdict, grade, because };
  if (verdict === 'stale-checksum' || verdict === 'mangled-checksum') {
    return { verdict, grade: grade === 'proved' ? 'supported' : grade, because };
  }
  return { verdict: 'inconclusive', grade: 'none', because: control.statement };
}

function nothingFound({ captures }: AnalysisInput): {
  verdict: VerdictName;
  grade: Grade;
  because: string;
} {
  if (captures.some(({ layer }) => layer === 'underlay')) {
    return {
      verdict: 'no-tunnel-traffic',
      grade: 'none',
      because: 'the underlay captures hold no VXLAN datagram of a connection',
    };
  }
  return {
    verdict: 'inconclusive',
    grade: 'none',
    because:
      'no VXLAN datagram was found on the known tunnel ports: capture the NIC that carries the tunnel, ' +
      'or name its port with --port',
  };
}

function measuredConnect(examined: ExaminedConnection, { run }: AnalysisInput): number | undefined {
  const targets = run?.connections.filter(({ purpose }) => purpose === 'target') ?? [];
  return targets.find(probed => isTarget(examined, probed))?.connectSeconds;
}

function isTarget(examined: ExaminedConnection, probed: ProbedConnection): boolean {
  if (isProbed(examined, probed)) return true;
  const service = serviceOf(examined.connection, examined.sender);
  return service?.service === probed.target && service.client === probed.local;
}

function hasDamage({ captures }: AnalysisInput): boolean {
  return captures.some(({ truncated }) => truncated !== null);
}

function warningsOf(
  input: AnalysisInput,
  flows: readonly Judged[],
  control: ControlReport | undefined,
): string[] {
  const warnings: string[] = [];
  if (input.run?.emulated)
    warnings.push('emulated: a rule of the lab did what an old kernel would do');
  if (control && !control.clean) warnings.push(`control: ${control.statement}`);
  for (const { name, kernelDrops, truncated, observation } of input.captures) {
    if (kernelDrops) warnings.push(`${name}: the kernel dropped ${kernelDrops} packets`);
    if (truncated)
      warnings.push(`${name}: cut off at byte ${truncated.offset}: ${truncated.reason}`);
    if (observation.cutFrames > 0) {
      warnings.push(`${name}: ${observation.cutFrames} frames were captured only in part`);
    }
  }
  if (flows.some(hidesLoss)) {
    warnings.push(
      'the receiver accepted datagrams with a wrong checksum: its underlay (a veth with tx offload on, or ' +
        'a virtual switch) hands checksums over unverified, and hides the loss that a wire would cause',
    );
  }
  if (flows.length > LISTED_FLOWS) {
    warnings.push(
      `${flows.length - LISTED_FLOWS} more connections were examined and are not listed`,
    );
  }
  return warnings;
}

function hidesLoss({ examined, judged }: Judged): boolean {
  if (judged.verdict !== 'stale-checksum' && judged.verdict !== 'mangled-checksum') return false;
  const delivered = deliveries(examined);
  return examined.attempts.some(({ seen }, index) =>
    seen.some(({ record }) => delivered[index] && record.outerChecksum.state === 'mismatch'),
  );
}

function reportCapture(capture: CaptureInput, main: ExaminedConnection | undefined): CaptureReport {
  const { observation } = capture;
  return {
    name: capture.name,
    role: roleOf(capture, main),
    node: capture.node ?? null,
    interface: capture.interface ?? null,
    linkType: capture.linkType,
    frames: observation.frames,
    bytes: observation.bytes,
    kernelDrops: capture.kernelDrops ?? null,
    truncated: capture.truncated,
    firstSeen: observation.firstSeen ? formatInstant(observation.firstSeen) : null,
    lastSeen: observation.lastSeen ? formatInstant(observation.lastSeen) : null,
    sha256: capture.sha256 ?? null,
  };
}

/** The role for the main connection; a capture that does not show it goes by its node. */
function roleOf(capture: CaptureInput, main: ExaminedConnection | undefined): CaptureRole {
  const layer = layerOf(capture);
  if (layer === 'tap') return 'tap';
  const sighting = main?.sightings.find(({ capture: seen }) => seen === capture);
  const sameNode = main?.sightings.find(
    ({ capture: { node } }) => node !== undefined && node === capture.node,
  );
  const side = sighting?.side ?? sameNode?.side ?? capture.side;
  return side === 'receiver' ? `peer-${layer}` : layer;
}

/** Delayed is what needed a retransmit. Percentiles by nearest rank. */
function summarizeDelays(flows: readonly FlowReport[]): DelaySummary {
  const delays = flows.flatMap(({ delay }) => (delay ? [delay] : []));
  const seconds = delays
    .flatMap(({ connectSeconds }) => (connectSeconds === null ? [] : [connectSeconds]))
    .sort((a, b) => a - b);
  const rank = (share: number) => seconds[Math.ceil(share * seconds.length) - 1] ?? null;
  return {
    count: delays.length,
    delayed: delays.filter(({ retransmits }) => retransmits > 0).length,
    p50: rank(0.5),
    p90: rank(0.9),
    p99: rank(0.99),
    max: seconds.at(-1) ?? null,
  };
}

function environmentOf({ snapshots, run }: AnalysisInput): Environment | null {
  if (snapshots.length === 0 && !run) return null;
  return {
    scenario: run?.scenario ?? null,
    title: run?.title ?? null,
    emulated: run?.emulated ?? false,
    nodes: snapshots.map(snapshot => ({
      node: snapshot.node,
      kernel: snapshot.kernel ?? null,
      vxlan: snapshot.links?.vxlan ?? [],
      sysctls: Object.fromEntries(snapshot.sysctls ?? []),
      parts: partsOf(snapshot),
    })),
  };
}

/** What a snapshot can be asked about. */
function partsOf(snapshot: NodeSnapshot): string[] {
  const parts: [string, unknown][] = [
    ['conntrack', snapshot.conntrackEvents ?? snapshot.conntrackEntries],
    ['counters', snapshot.countersBefore && snapshot.countersAfter],
    ['links', snapshot.links],
    ['offload', snapshot.offload],
    ['settings', snapshot.sysctls],
  ];
  return parts.flatMap(([name, value]) => (value === undefined ? [] : [name]));
}
