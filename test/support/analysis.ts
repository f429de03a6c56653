/** Runs the analysis on captures made in memory. */
import { analyze } from '../../src/analysis/analyze.js';
import { DEFAULT_EXIT_POLICY, type ExitPolicy } from '../../src/analysis/exit-code.js';
import type { CaptureInput, RunRecord } from '../../src/analysis/input.js';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import { parseConntrackEvents, parseConntrackList } from '../../src/snapshot/conntrack.js';
import { parseNstat } from '../../src/snapshot/counters.js';
import { parseLinks } from '../../src/snapshot/links.js';
import type { NodeSnapshot } from '../../src/snapshot/node-snapshot.js';
import { parseSysctls } from '../../src/snapshot/sysctl.js';
import { capture, type TimedFrame } from './frames.js';
import type { Bytes } from './packet-builder.js';
import { NODE_A, NODE_B } from './traffic.js';

export interface Judged extends VerdictDocument {
  /** The verdict and its grade, for short. */
  readonly says: string;
}

export function judge(
  captures: readonly CaptureInput[],
  options: {
    readonly snapshots?: readonly NodeSnapshot[];
    readonly run?: RunRecord;
    readonly policy?: ExitPolicy;
  } = {},
): Judged {
  const { snapshots = [], run, policy = DEFAULT_EXIT_POLICY } = options;
  const verdict = analyze({ captures, snapshots, run }, policy);
  return { ...verdict, says: `${verdict.verdict} ${verdict.grade}` };
}

/** One underlay capture of whoever, which knows nothing but its frames. */
export const judgeFrames = (frames: readonly TimedFrame[]): Judged =>
  judge([capture('underlay.pcap', frames)]);

/** The same for datagrams 10 ms apart. */
export const judgeDatagrams = (datagrams: readonly Bytes[]): Judged =>
  judgeFrames(datagrams.map((bytes, index) => ({ at: index / 100, bytes })));

/** What a node says of itself, from text as its commands print it. */
export function snapshot(
  node: string,
  texts: {
    readonly events?: string;
    readonly list?: string;
    readonly links?: string;
    readonly sysctls?: string;
    readonly before?: string;
    readonly after?: string;
  },
): NodeSnapshot {
  const parsed = <T>(text: string | undefined, parse: (text: string) => T) =>
    text === undefined ? undefined : parse(text);
  return {
    node,
    conntrackEvents: parsed(texts.events, parseConntrackEvents),
    conntrackEntries: parsed(texts.list, parseConntrackList),
    countersBefore: parsed(texts.before, parseNstat),
    countersAfter: parsed(texts.after, parseNstat),
    links: parsed(texts.links, parseLinks),
    offload: undefined,
    sysctls: parsed(texts.sysctls, parseSysctls),
    kernel: undefined,
  };
}

/** `ip` text of a node with a VXLAN device and its addresses. */
export function linksText(device: string, addresses: readonly string[]): string {
  return [
    '2: vxlan.1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1450 qdisc noqueue state UNKNOWN',
    `    vxlan id 1 ${device} `,
    '3: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP',
    ...addresses.map(
      address => `    inet${address.includes(':') ? '6' : ''} ${address}/24 scope global eth0`,
    ),
    '',
  ].join('\n');
}

/** A conntrack entry of a tunnel datagram: where it set out, and what it became. */
export function entryText(
  original: { source?: string; port: number },
  wire: { source?: string; port: number; destination?: string },
): string {
  const destination = wire.destination ?? NODE_B;
  return (
    `udp      17 29 src=${original.source ?? NODE_A} dst=${destination} sport=${original.port} dport=8472 [UNREPLIED] ` +
    `src=${destination} dst=${wire.source ?? NODE_A} sport=8472 dport=${wire.port} mark=0 use=1`
  );
}
