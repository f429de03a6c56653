/** What a reader wants to know first: a list of labels and values; nothing here is escaped yet. */
import { isConviction } from '../analysis/telling-frame.js';
import type { FlowReport, VerdictDocument } from '../analysis/verdict.js';
import type { ReportMaterial } from '../evidence/report-material.js';
import { seconds } from './wording.js';

/** Each as label and value. */
export function keyFacts({
  verdict,
  sender,
  receiver,
}: ReportMaterial): (readonly [string, string])[] {
  const [flow] = verdict.flows;
  const rows: (readonly [string, string])[] = [['verdict', verdict.verdict]];
  if (verdict.grade !== 'none') rows.push(['grade', gradeText(verdict)]);
  if (flow) {
    const { protocol, source, destination, service } = flow.inner;
    const target = service ? `${service} (endpoint ${destination})` : destination;
    rows.push(['connection', `${protocol} ${source} to ${target}`]);
  }
  if (flow?.outer)
    rows.push(['tunnel', tunnelText(flow.outer)], ['outer source port', portText(flow.outer)]);
  if (flow?.delay) rows.push(['connect time', delayText(flow, flow.delay)]);
  if (flow?.delay && flow.delay.retransmits > 0) rows.push(['why so long', flow.delay.explanation]);
  if (flow?.lookAlike) rows.push(['looks like', flow.lookAlike]);
  const when = firstSeen(verdict);
  if (when !== undefined) rows.push(['captured', when]);
  if (sender !== null) rows.push(['sender', nodeText(sender, verdict)]);
  if (receiver !== null) rows.push(['receiver', nodeText(receiver, verdict)]);
  if (verdict.environment?.title) rows.push(['lab', labText(verdict)]);
  if (verdict.control) rows.push(['control', controlText(verdict.control)]);
  return rows;
}

function gradeText({ verdict, grade }: VerdictDocument): string {
  if (grade === 'supported') return 'supported: the arithmetic alone, or what speaks for it';
  return isConviction(verdict)
    ? 'proved: the arithmetic, and a second witness of another kind that names the same port'
    : 'proved: the sender’s conntrack, or a capture in front of NAT, shows the port before and after';
}

function tunnelText({
  source,
  destination,
  destinationPort,
  vni,
  encapsulation,
}: NonNullable<FlowReport['outer']>): string {
  const name = encapsulation === 'geneve' ? 'Geneve' : 'VXLAN';
  return `${source} to ${destination}, ${name}, UDP port ${destinationPort}, VNI ${vni}`;
}

function portText({ sourcePortBefore, sourcePortAfter }: NonNullable<FlowReport['outer']>): string {
  if (sourcePortBefore === null) return `${sourcePortAfter}; what it was before is not known`;
  if (sourcePortBefore === sourcePortAfter) return `${sourcePortAfter}, not rewritten`;
  return `${sourcePortBefore} before the second SNAT, ${sourcePortAfter} on the wire`;
}

function delayText(
  { inner }: FlowReport,
  { connectSeconds, retransmits, predictedSeconds }: NonNullable<FlowReport['delay']>,
): string {
  const never = inner.protocol === 'udp' ? 'never answered' : 'never connected';
  const took = connectSeconds === null ? never : seconds(connectSeconds);
  const again = retransmits === 1 ? '1 retransmit' : `${retransmits} retransmits`;
  const predicted = predictedSeconds === null ? '' : `, predicted delay ${predictedSeconds} s`;
  return `${took}, ${again}${predicted}`;
}

function firstSeen({ captures }: VerdictDocument): string | undefined {
  const times = captures.flatMap(({ firstSeen: at }) => (at === null ? [] : [Number(at)]));
  const earliest = Math.min(...times);
  // A day beyond year 9999 is a damaged capture's, and no date.
  if (!Number.isFinite(earliest) || earliest > 253_402_300_799) return undefined;
  return new Date(earliest * 1000)
    .toISOString()
    .replace(/\.\d+Z$/, ' UTC')
    .replace('T', ' ');
}

function nodeText(node: string, { environment }: VerdictDocument): string {
  const kernel = environment?.nodes.find(own => own.node === node)?.kernel;
  return kernel ? `${node}, Linux ${kernel}` : node;
}

function labText({ environment }: VerdictDocument): string {
  const title = environment?.title ?? '';
  return environment?.emulated ? `${title} (emulated)` : title;
}

function controlText({
  source,
  destination,
  clean,
  statement,
}: NonNullable<VerdictDocument['control']>): string {
  return `${source} to ${destination}: ${clean ? 'clean' : 'NOT CLEAN'}: ${statement}`;
}
