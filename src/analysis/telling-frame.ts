/** Which frame of a verdict a reader should look at first. */
import type {
  CaptureReport,
  CaptureRole,
  FlowReport,
  FrameReference,
  VerdictDocument,
} from './verdict.js';

/** At the receiver nothing is left for offload to finish, so any tool computes the same sum there. */
const TELLING_ROLES: readonly CaptureRole[] = ['peer-underlay', 'underlay'];

/** Of the frames that show one datagram, the one to check by hand. */
export function tellingFrame(
  frames: readonly FrameReference[],
  captures: readonly CaptureReport[],
): FrameReference | undefined {
  return TELLING_ROLES.flatMap(role =>
    frames.filter(frame =>
      captures.some(({ name, role: own }) => name === frame.capture && own === role),
    ),
  )[0];
}

/** A datagram whose outer checksum is wrong by a rewrite, and the SYN (from 0) that it carries. */
export interface ConvictedDatagram {
  readonly flow: FlowReport;
  readonly frame: FrameReference;
  readonly syn: number | null;
}

/** The first convicted datagram of the gravest connection; `undefined` where nothing is convicted. */
export function convictedDatagram(verdict: VerdictDocument): ConvictedDatagram | undefined {
  const [flow] = verdict.flows;
  if (!flow || !isConviction(verdict.verdict)) return undefined;
  for (const [index, { checksum, frames }] of flow.syns.entries()) {
    if (checksum?.state !== 'stale' && checksum?.state !== 'mangled') continue;
    const frame = tellingFrame(frames, verdict.captures);
    if (frame) return { flow, frame, syn: index };
  }
  const arithmetic = verdict.witnesses.find(({ kind }) => kind === 'arithmetic');
  const frame = arithmetic && tellingFrame(arithmetic.frames, verdict.captures);
  return frame && { flow, frame, syn: null };
}

export function isConviction(verdict: string): boolean {
  return verdict === 'stale-checksum' || verdict === 'mangled-checksum';
}
