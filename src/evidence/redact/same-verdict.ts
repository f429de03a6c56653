/**
 * Whether the copy is judged as the original was: the verdict, and each witness, flow, SYN, count and delay
 * it rests on. Left out is what must differ: sentences that spell out checksums, and hashes of files.
 */
import type { FlowReport, FrameReference, VerdictDocument } from '../../analysis/verdict.js';

/** What becomes of texts of the original: addresses, and names of nodes, devices and captures. */
export interface Renaming {
  readonly address: (text: string) => string;
  readonly name: (text: string) => string;
}

const AS_IT_IS: Renaming = { address: text => text, name: text => text };

/** Places in which the two differ, as `flows.0.syns.1.recoveredPort`; empty where they say the same. */
export function verdictDifferences(
  original: VerdictDocument,
  copy: VerdictDocument,
  renaming: Renaming,
): string[] {
  return differences(essence(original, renaming), essence(copy, AS_IT_IS), '');
}

function essence(document: VerdictDocument, { address, name }: Renaming): unknown {
  const frames = (list: readonly FrameReference[]) =>
    sorted(list.map(frame => `${name(frame.capture)} ${frame.number}`));
  const { verdict, grade, exitCode, witnesses, flows, rule, delays, captures, clocks } = document;
  const { control, environment, recommendations, warnings } = document;
  return {
    verdict,
    grade,
    exitCode,
    witnesses: witnesses.map(witness => ({
      kind: witness.kind,
      chance: witness.chance,
      frames: frames(witness.frames),
    })),
    flows: sorted(flows.map(flow => flowEssence(flow, address, frames))),
    rule: rule && {
      line: rule.line,
      table: rule.table,
      packets: [rule.packetsBefore, rule.packetsAfter],
      node: name(rule.node),
    },
    delays,
    captures: sorted(
      captures.map(capture => ({
        name: name(capture.name),
        role: capture.role,
        node: capture.node && name(capture.node),
        interface: capture.interface && name(capture.interface),
        linkType: capture.linkType,
        frames: capture.frames,
        bytes: capture.bytes,
        kernelDrops: capture.kernelDrops,
        truncated: capture.truncated !== null,
        firstSeen: capture.firstSeen,
        lastSeen: capture.lastSeen,
      })),
    ),
    clocks: sorted(
      clocks.map(({ reference, other, ...estimate }) => ({
        ...estimate,
        captures: [name(reference), name(other)],
      })),
    ),
    control: control && {
      source: address(control.source),
      destination: address(control.destination),
      clean: control.clean,
      connectSeconds: control.connectSeconds,
      seenAt: sorted(control.seenAt.map(name)),
    },
    nodes: sorted(
      (environment?.nodes ?? []).map(node => ({
        node: name(node.node),
        devices: node.vxlan.map(({ name: device, local, underlay, ...settings }) => ({
          ...settings,
          name: name(device),
          local: local && address(local),
          underlay: underlay && name(underlay),
        })),
        settings: Object.keys(node.sysctls).length,
        parts: node.parts,
      })),
    ),
    recommendations: recommendations.map(({ action }) => action),
    warnings: warnings.length,
  };
}

function flowEssence(
  flow: FlowReport,
  address: Renaming['address'],
  frames: (list: readonly FrameReference[]) => string[],
): unknown {
  const { inner, outer, delay } = flow;
  return {
    inner: readdressed(inner, address),
    verdict: flow.verdict,
    grade: flow.grade,
    outer: outer && readdressed(outer, address),
    datagrams: flow.datagrams,
    syns: flow.syns.map(({ checksum, frames: seen, ...syn }) => ({
      ...syn,
      state: checksum?.state,
      frames: frames(seen),
    })),
    delay: delay && { ...delay, explanation: undefined },
    lookAlike: flow.lookAlike === null,
  };
}

/** A record of which the texts hold addresses, or words in which there is none. */
function readdressed(record: object, address: Renaming['address']): object {
  const entries = Object.entries(record).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' ? address(value) : value,
  ]);
  return Object.fromEntries(entries) as object;
}

/** Names are others in the copy, and what is in the order of names is in another. */
function sorted<T>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

const MOST_DIFFERENCES = 10;

function differences(a: unknown, b: unknown, at: string): string[] {
  if (!isObject(a) || !isObject(b)) return Object.is(a, b) ? [] : [at];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys]
    .flatMap(key => differences(a[key], b[key], at === '' ? key : `${at}.${key}`))
    .slice(0, MOST_DIFFERENCES);
}

/** An array is one too: its places are its keys. */
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
