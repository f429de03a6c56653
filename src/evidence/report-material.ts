/** Everything a report shows: the verdict, and what a reader wants to see beside it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { convictedDatagram } from '../analysis/telling-frame.js';
import type {
  CaptureRole,
  FlowReport,
  FrameReference,
  VerdictDocument,
} from '../analysis/verdict.js';
import type { PredictedStep } from '../rules/prediction.js';
import type { NodeFacts } from '../snapshot/node-facts.js';
import { type EntryLife, entryLives } from './entry-lives.js';
import { readNodeFacts } from './read-node-facts.js';
import { readRulePath } from './rule-path.js';
import { locateCaptures, readShownFrames, type ShownFrame } from './shown-frames.js';
import type { Sources } from './sources.js';
import type { StoredVerdict } from './stored-verdict.js';

export interface ReportMaterial {
  readonly verdict: VerdictDocument;
  /** The frames of the SYNs of the connections that are drawn, with their times. */
  readonly frames: readonly ShownFrame[];
  /** A datagram whose outer checksum convicts, with its bytes. */
  readonly datagram: ShownDatagram | null;
  /** The sender's conntrack entries for the first connection's datagrams. */
  readonly entries: readonly EntryLife[];
  /** The rules that the first connection's packets met on the sender. */
  readonly rulePath: readonly PredictedStep[];
  readonly nodes: readonly NodeFacts[];
  readonly sender: string | null;
  readonly receiver: string | null;
  /** Where each capture is, from the folder of the recording. */
  readonly files: readonly { readonly name: string; readonly file: string }[];
  /** Whether there is a SHA256SUMS that covers the files. */
  readonly hasSums: boolean;
  /** How the verdict that was stored beside the captures compares with this one. */
  readonly stored: StoredVerdict;
  /** What could not be shown, and why. */
  readonly gaps: readonly string[];
}

export interface ShownDatagram extends ShownFrame {
  readonly flow: FlowReport;
  /** Which SYN of the flow it carries, from 0; null where it is another packet. */
  readonly syn: number | null;
}

/** Connections, and SYNs of all of them, that are drawn: the page is to stay well under a megabyte. */
const DRAWN_FLOWS = 8;
const DRAWN_SYNS = 128;

/** The connections whose SYNs are drawn: the gravest, and the next as far as there is room. */
export function drawnFlows({ flows }: VerdictDocument): FlowReport[] {
  let syns = 0;
  return flows.slice(0, DRAWN_FLOWS).filter((flow, index) => {
    syns += flow.syns.length;
    return index === 0 || syns <= DRAWN_SYNS;
  });
}

/** Gathers it from the recording that was judged; captures are read once more, for their times. */
export async function gatherReportMaterial(
  sources: Sources,
  verdict: VerdictDocument,
  stored: StoredVerdict,
): Promise<ReportMaterial> {
  const convicted = convictedDatagram(verdict);
  const located = locateCaptures(
    verdict.captures.map(({ name }) => name),
    sources.captures,
  );
  const { frames, gaps } = await readShownFrames(wantedFrames(verdict), convicted?.frame, located);
  const nodes = await Promise.all(
    sources.nodes.map(({ folder, node }) => readNodeFacts(folder, node)),
  );
  const sender = nodeOf(verdict, ['overlay', 'underlay']) ?? verdict.rule?.node ?? null;
  const shown = convicted && frames.find(frame => isFrame(frame, convicted.frame));
  const senderFolder = sources.nodes.find(({ node }) => node === sender)?.folder;
  const [flow] = verdict.flows;
  const path =
    flow && senderFolder !== undefined
      ? await readRulePath(flow, verdict.rule, senderFolder)
      : { steps: [], gaps: [] };
  return {
    verdict,
    frames,
    datagram: convicted && shown ? { ...shown, flow: convicted.flow, syn: convicted.syn } : null,
    entries: flow && sender !== null ? livesOf(flow, sender, nodes, frames, verdict) : [],
    rulePath: path.steps,
    nodes,
    sender,
    receiver: nodeOf(verdict, ['peer-underlay', 'peer-overlay']) ?? null,
    files: located.map(({ name, file }) => ({ name, file })),
    hasSums: sources.recording !== undefined && (await isThere(sources.recording, 'SHA256SUMS')),
    stored,
    gaps: [...gaps, ...nodes.flatMap(node => node.gaps), ...path.gaps],
  };
}

function wantedFrames(verdict: VerdictDocument): FrameReference[] {
  return drawnFlows(verdict).flatMap(({ syns }) => syns.flatMap(({ frames }) => frames));
}

function isFrame(frame: ShownFrame, { capture, number }: FrameReference): boolean {
  return frame.capture === capture && frame.number === number;
}

function nodeOf({ captures }: VerdictDocument, roles: readonly CaptureRole[]): string | undefined {
  return (
    captures.find(({ role, node }) => roles.includes(role) && node !== null)?.node ?? undefined
  );
}

/** Times of conntrack's log and of the sender's own captures are of one clock. */
function livesOf(
  flow: FlowReport,
  sender: string,
  nodes: readonly NodeFacts[],
  frames: readonly ShownFrame[],
  { captures }: VerdictDocument,
): EntryLife[] {
  const events = nodes.find(({ node }) => node === sender)?.snapshot?.conntrackEvents;
  const own = captures.filter(({ node }) => node === sender).map(({ name }) => name);
  const first = flow.syns[0]?.frames.find(({ capture }) => own.includes(capture));
  const start = first && frames.find(frame => isFrame(frame, first));
  return events && start ? entryLives(flow, sender, events, start.at) : [];
}

function isThere(folder: string, name: string): Promise<boolean> {
  return stat(join(folder, name)).then(
    found => found.isFile(),
    () => false,
  );
}
