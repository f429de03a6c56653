/** The analysis as a whole: from observed captures and snapshots to the verdict document. */

import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import { formatInstant } from '../time.js';
import { TOOL } from '../version.js';
import { compareClocks } from './clock-pairs.js';
import { connectionsOf, layerOf, suspectReplies } from './connections.js';
import { serviceOf } from './conntrack-lookup.js';
import { belongsTo, controlFault, isProbed, judgeControl } from './control.js';
import { deliveries } from './delivery.js';
import { type ExaminedConnection, examineConnections } from './examined-connection.js';
import { type ExitPolicy, exitCodeFor } from './exit-code.js';
import { reportFlow } from './flow-report.js';
import { type FlowVerdict, incompleteCapture, judgeFlow } from './flow-verdict.js';
import type { AnalysisInput, CaptureInput, ProbedConnection } from './input.js';
import { observationWarnings } from './observation-warnings.js';
import { recommend } from './recommendations.js';
import { noteText } from './run-notes.js';
import { withoutSharedDifferences } from './shared-difference.js';
import { summarize } from './summary.js';
import {
  type CaptureReport,
  type CaptureRole,
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

/** All connections that were captured, each with the findings on its outer ports. */
export function examineInput(input: AnalysisInput): readonly ExaminedConnection[] {
  const connections = connectionsOf(input.captures);
  return withoutSharedDifferences(
    examineConnections([...connections, ...suspectReplies(connections)], input),
  );
}

/** Judges everything that was captured; the gravest connection gives the verdict. */
export function analyze(input: AnalysisInput, policy: ExitPolicy): VerdictDocument {
  const examined = examineInput(input);
  const control = judgeControl(input, examined);
  const fault = controlFault(input, control);
  const flows = relevant(examined, input)
    .map(connection => ({ examined: connection, judged: judgeFlow(connection, input.captures) }))
    .filter(isWorthListing)
    .map(flow => ({ ...flow, judged: heldAgainstRun(flow.judged, fault, input) }))
    .sort(bySeriousness);
  const main = flows[0];
  const { verdict, grade, because } =
    main?.judged ?? heldAgainstRun(nothingFound(input), fault, input);
  const reports = flows
    .slice(0, LISTED_FLOWS)
    .map(flow => reportFlow(flow.examined, flow.judged, measuredConnect(flow.examined, input)));
  const warnings = warningsOf(input, flows, fault);
  const isConviction = verdict === 'stale-checksum' || verdict === 'mangled-checksum';
  return {
    schema: VERDICT_SCHEMA,
    tool: TOOL,
    verdict,
    grade,
    exitCode: exitCodeFor(verdict, grade, hasDamage(input), policy),
    summary: summarize(verdict, grade, reports[0], because, {
      atSender: main !== undefined && isShownAtSender(main.examined),
      convicted: flows.filter(({ judged }) => judged.verdict === verdict).length,
    }),
    witnesses:
      isConviction && main?.judged.decisive
        ? witnessesFor(main.examined, main.judged.decisive)
        : [],
    flows: reports,
    rule: null,
    delays: summarizeDelays(reports),
    captures: input.captures.map(capture => reportCapture(capture, main?.examined)),
    clocks: compareClocks(examined),
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
  return control ? examined.filter(connection => !belongsTo(connection, control)) : examined;
}

/** Neighbour discovery, and answers, are examined, but listed only where something is wrong with them. */
function isWorthListing({ examined, judged }: Judged): boolean {
  const { connection } = examined;
  if (connection.isReply) {
    return isConvicted(judged) || judged.verdict === 'other-corruption' || hasDoubt(judged);
  }
  if (connection.protocol !== 'other') {
    const tunnelled = connection.forward.some(({ flow }) => flow.encapsulated);
    return tunnelled || examined.attempts.length > 0;
  }
  return judged.verdict === 'other-corruption';
}

function isConvicted({ verdict }: FlowVerdict): boolean {
  return verdict === 'stale-checksum' || verdict === 'mangled-checksum';
}

function hasDoubt({ decisive }: FlowVerdict): boolean {
  return decisive !== undefined && decisive.doubt !== '';
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
function heldAgainstControl(judged: FlowVerdict, fault: string | undefined): FlowVerdict {
  if (fault === undefined) return judged;
  if (isConvicted(judged)) {
    return { ...judged, grade: judged.grade === 'proved' ? 'supported' : judged.grade };
  }
  return { ...judged, verdict: 'inconclusive', grade: 'none', because: fault };
}

/** The same for a run that was cut short: what it shows, it shows; what it does not show may have followed. */
function heldAgainstRun(
  judged: FlowVerdict,
  controlFault: string | undefined,
  { run }: AnalysisInput,
): FlowVerdict {
  if (run?.incomplete === undefined || isFinding(judged)) {
    return heldAgainstControl(judged, controlFault);
  }
  return { ...judged, verdict: 'inconclusive', grade: 'none', because: run.incomplete };
}

function isFinding(judged: FlowVerdict): boolean {
  return isConvicted(judged) || judged.verdict === 'other-corruption';
}

function nothingFound({ captures }: AnalysisInput): FlowVerdict {
  const incomplete = incompleteCapture(captures);
  if (captures.some(({ layer }) => layer === 'underlay')) {
    if (incomplete) {
      return { verdict: 'inconclusive', grade: 'none', decisive: undefined, because: incomplete };
    }
    return {
      verdict: 'no-tunnel-traffic',
      grade: 'none',
      decisive: undefined,
      because: 'the underlay captures hold no VXLAN datagram of a connection',
    };
  }
  return {
    verdict: 'inconclusive',
    grade: 'none',
    decisive: undefined,
    because:
      'no VXLAN datagram was found on the known tunnel ports: capture the NIC that carries the tunnel, ' +
      'or name its port with --port',
  };
}

/**
 * Whether the input shows the sender's side: its conntrack, a tap, or a capture that is known for the
 * sender's by its node, its option, its unfinished checksums, or the receiver's beside it.
 */
function isShownAtSender({ ports, sightings }: ExaminedConnection): boolean {
  return (
    ports.some(({ binding, tapped }) => binding !== undefined || tapped !== undefined) ||
    sightings.some(({ layer, side }) => layer === 'underlay' && side === 'sender')
  );
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

/** A capture that ends in the middle of a record, for no reason that is known. */
function hasDamage({ captures, run }: AnalysisInput): boolean {
  return run?.incomplete === undefined && captures.some(({ truncated }) => truncated !== null);
}

function warningsOf(
  input: AnalysisInput,
  flows: readonly Judged[],
  controlFault: string | undefined,
): string[] {
  const warnings: string[] = [];
  if (input.run?.emulated)
    warnings.push('emulated: a rule of the lab did what an old kernel would do');
  if (input.run?.incomplete !== undefined) warnings.push(`incomplete: ${input.run.incomplete}`);
  warnings.push(...(input.run?.notes ?? []).map(noteText));
  if (controlFault !== undefined) warnings.push(`control: ${controlFault}`);
  for (const { name, kernelDrops, truncated, observation } of input.captures) {
    if (kernelDrops) warnings.push(`${name}: the kernel dropped ${kernelDrops} packets`);
    if (truncated)
      warnings.push(`${name}: cut off at byte ${truncated.offset}: ${truncated.reason}`);
    warnings.push(...observationWarnings(name, observation));
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
  if (!isConvicted(judged)) return false;
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
    machine: run?.machine ?? null,
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
