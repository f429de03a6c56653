/** The tables that all written reports share, as rows of text; nothing here is escaped yet. */
import type {
  FlowReport,
  FrameReference,
  NodeEnvironment,
  SynReport,
  VerdictDocument,
} from '../analysis/verdict.js';
import type { ReportMaterial } from '../evidence/report-material.js';
import type { VxlanDevice } from '../snapshot/links.js';
import type { CounterReading, NodeFacts } from '../snapshot/node-facts.js';
import { checksumCell, deliveryCell, portCell, seconds, unitOf } from './wording.js';

export type Row = readonly string[];

export function synHead(flow: FlowReport): Row {
  return [unitOf(flow), 'time', 'outer source port', 'UDP checksum', 'at the receiver', 'frames'];
}

/** One row a SYN, as in `synHead`. */
export function synRows({ syns }: FlowReport, verdict: VerdictDocument): Row[] {
  return syns.map((syn, index) => [
    String(index + 1),
    seconds(syn.atSeconds),
    portCell(syn),
    checksumCell(syn) || 'not seen',
    deliveryCell(syn),
    framesCell(syn, verdict),
  ]);
}

/** `underlay 3, peer-underlay 3`, never `#3`, which a tracker takes for an issue: the files behind the roles are listed with the captures. */
function framesCell({ frames }: SynReport, { captures }: VerdictDocument): string {
  return frames
    .map(({ capture, number }) => {
      const role = captures.find(({ name }) => name === capture)?.role ?? 'unknown';
      return `${role === 'unknown' ? capture : role} ${number}`;
    })
    .join(', ');
}

const COUNTERS = [
  'UdpInDatagrams',
  'UdpNoPorts',
  'UdpInErrors',
  'UdpInCsumErrors',
  'Udp6InDatagrams',
  'Udp6NoPorts',
  'Udp6InErrors',
  'Udp6InCsumErrors',
  'TcpActiveOpens',
  'TcpAttemptFails',
  'TcpRetransSegs',
  'TcpInCsumErrors',
  'TcpExtTCPSynRetrans',
  'TcpExtTCPTimeouts',
] as const;
/** These are told even where they stand at zero, since that is a fact as well. */
const ALWAYS: ReadonlySet<string> = new Set(['UdpInErrors', 'UdpInCsumErrors']);

export const COUNTER_HEAD: Row = ['node', 'counter', 'before', 'after', 'change'];

/** Counters that bear on the loss: node, counter, before, after, change. */
export function counterRows({ nodes }: ReportMaterial): Row[] {
  return nodes.flatMap(({ node, counters }) =>
    COUNTERS.flatMap(name => {
      const reading = counters.find(counter => counter.name === name);
      return reading && isWorthTelling(reading) ? [counterRow(node, reading)] : [];
    }),
  );
}

function isWorthTelling({ name, before, after }: CounterReading): boolean {
  return ALWAYS.has(name) || before !== after;
}

function counterRow(node: string, { name, before, after }: CounterReading): Row {
  const change = after - before;
  return [node, name, String(before), String(after), change > 0 ? `+${change}` : String(change)];
}

export const RULE_HEAD: Row = ['where', 'chain', 'what it did', 'rule'];

/** The rules on the first packet's way, in one of its passes. */
export function ruleRows({ rulePath }: ReportMaterial, pass: 'inner' | 'outer'): Row[] {
  return rulePath
    .filter(step => step.pass === pass)
    .map(({ file, line, chain, rule, effect }) => [
      line === null ? file : `${file}:${line}`,
      chain,
      effect,
      rule,
    ]);
}

/** The rule that did the second SNAT, in words; `undefined` where it is not known. */
export function ruleSentence({ verdict: { rule } }: ReportMaterial): string | undefined {
  if (!rule) return undefined;
  const place = rule.line === null ? rule.file : `${rule.file}, line ${rule.line}`;
  const { packetsBefore, packetsAfter } = rule;
  const counted =
    packetsBefore === null || packetsAfter === null
      ? ''
      : ` It had counted ${packetsBefore} packets before the run and ${packetsAfter} after it.`;
  return `The second SNAT was done on ${rule.node} by the rule at ${place}, table ${rule.table}, chain ${rule.chain}.${counted}`;
}

const OFFLOAD_FEATURES = [
  'tx-checksumming',
  'tx-checksum-ip-generic',
  'rx-checksumming',
  'tx-udp_tnl-segmentation',
  'tx-udp_tnl-csum-segmentation',
];

/** Versions, devices, offload and settings: a row each, a column for each node. */
export function environmentTable(material: ReportMaterial): {
  readonly head: Row;
  readonly rows: readonly Row[];
} {
  const nodes = material.verdict.environment?.nodes ?? [];
  const settings = nodes.map(environment => new Map(settingsOf(environment, material)));
  const names = new Set(settings.flatMap(known => [...known.keys()]));
  return {
    head: ['setting', ...nodes.map(({ node }) => node)],
    rows: [...names].map(name => [name, ...settings.map(known => known.get(name) ?? '')]),
  };
}

function settingsOf(
  { node, kernel, vxlan, sysctls }: NodeEnvironment,
  { nodes }: ReportMaterial,
): [string, string][] {
  const facts = nodes.find(own => own.node === node);
  return [
    ...(kernel === null ? [] : [['kernel', kernel] satisfies [string, string]]),
    ...versionRows(facts, kernel),
    ...vxlan.map((device): [string, string] => [`VXLAN device ${device.name}`, deviceText(device)]),
    ...offloadRows(facts),
    ...Object.entries(sysctls),
  ];
}

function versionRows(facts: NodeFacts | undefined, kernel: string | null): [string, string][] {
  return (facts?.versions ?? [])
    .filter(({ name }) => name !== 'kernel' || kernel === null)
    .map(({ name, value }) => [name, value]);
}

function deviceText(device: VxlanDevice): string {
  const { udpChecksum, sourcePorts, local, underlay, port } = device;
  return [
    udpChecksum === undefined ? '' : udpChecksum ? 'udpcsum' : 'noudpcsum',
    `dstport ${port}`,
    local ? `local ${local}` : '',
    underlay ? `dev ${underlay}` : '',
    sourcePorts ? `srcport ${sourcePorts.low} ${sourcePorts.high}` : '',
  ]
    .filter(word => word !== '')
    .join(' ');
}

function offloadRows(facts: NodeFacts | undefined): [string, string][] {
  return [...(facts?.snapshot?.offload ?? [])].map(([device, features]) => {
    const known = OFFLOAD_FEATURES.flatMap(name => {
      const on = features.get(name);
      return on === undefined ? [] : [`${name} ${on ? 'on' : 'off'}`];
    });
    return [`offload of ${device}`, known.join(', ') || 'none of the features that matter'];
  });
}

export const CAPTURE_HEAD: Row = ['capture', 'role', 'frames', 'lost by the capture', 'SHA-256'];

export function captureRows({ captures }: VerdictDocument): Row[] {
  return captures.map(({ name, role, frames, truncated, kernelDrops, sha256 }) => [
    name,
    role,
    `${frames}${truncated ? `, cut off at byte ${truncated.offset}` : ''}`,
    kernelDrops === null ? 'not told' : String(kernelDrops),
    sha256 === null ? 'not told' : `${sha256.slice(0, 16)}…`,
  ]);
}

/** `node-a/underlay.pcap 3-8, 11`: frames by capture, runs of numbers together. */
export function framesText(frames: readonly FrameReference[]): string {
  const captures = [...new Set(frames.map(({ capture }) => capture))];
  return captures
    .map(capture => {
      const numbers = frames.filter(frame => frame.capture === capture).map(({ number }) => number);
      return `${capture} ${runsOf(numbers)}`;
    })
    .join('; ');
}

const MOST_RUNS = 12;

function runsOf(numbers: readonly number[]): string {
  const runs: { from: number; to: number }[] = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last && number === last.to + 1) last.to = number;
    else runs.push({ from: number, to: number });
  }
  const shown = runs
    .slice(0, MOST_RUNS)
    .map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`));
  return shown.join(', ') + (runs.length > MOST_RUNS ? ' and more' : '');
}
