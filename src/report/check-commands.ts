/**
 * How a doubter checks a verdict with tshark and bc alone: commands for the bundle's own files, run in
 * its folder. Every number that they calculate with comes from the captures, none from our analysis.
 */
import { tellingFrame } from '../analysis/telling-frame.js';
import type { FlowReport } from '../analysis/verdict.js';
import type { ReportMaterial, ShownDatagram } from '../evidence/report-material.js';
import { printable } from '../output.js';
import { addressWords } from '../wire/address.js';
import { dissect } from './dissection.js';
import { isWrong } from './wording.js';

/** A step of the check: what it shows, how, and what is to be seen. */
export interface CheckStep {
  readonly title: string;
  /** One line for a POSIX shell. */
  readonly command: string;
  readonly expect: string | null;
}

type Outer = NonNullable<FlowReport['outer']>;

/** Frames of one capture that are looked at together. */
const MOST_FRAMES = 100;

/** Steps in the order of the argument; only those that this evidence has files for. */
export function checkSteps(material: ReportMaterial): CheckStep[] {
  const [flow] = material.verdict.flows;
  const outer = flow?.outer;
  const steps = [
    ...integritySteps(material),
    ...(flow && outer ? flowSteps(material, flow, outer) : []),
    ...ruleSteps(material),
    ...counterSteps(material, outer),
  ];
  // A file name that cannot be shown as it is cannot be pasted either.
  return steps.filter(({ command }) => command === printable(command));
}

function flowSteps(material: ReportMaterial, flow: FlowReport, outer: Outer): CheckStep[] {
  return [
    ...sumSteps(material, flow, outer),
    ...firstPacketSteps(material, flow, outer),
    ...siblingSteps(material, outer),
    ...conntrackSteps(material, outer),
  ];
}

function integritySteps({ hasSums }: ReportMaterial): CheckStep[] {
  if (!hasSums) return [];
  return [
    {
      title: 'The files are those that were written',
      command: 'sha256sum -c SHA256SUMS',
      expect: 'OK behind every name',
    },
  ];
}

const OUTER_FIELDS = ['udp.srcport', 'udp.checksum', 'udp.checksum_calculated'];

/** The sum of one convicted datagram, by tshark's own reading of its bytes. */
function sumSteps(material: ReportMaterial, flow: FlowReport, outer: Outer): CheckStep[] {
  const { datagram } = material;
  if (!datagram) return [];
  const look = {
    capture: datagram.capture,
    numbers: [datagram.number],
    outer,
    occurrence: 'f',
    fields: OUTER_FIELDS,
  } as const;
  const state = datagram.syn === null ? 'stale' : flow.syns[datagram.syn]?.checksum?.state;
  const isStale = state === 'stale' && outer.sourcePortBefore !== null;
  const read: CheckStep = {
    title:
      `The outer UDP header of frame ${datagram.number}: source port, the checksum that it carries, ` +
      'the checksum that its bytes call for',
    command: fieldsOf(material, look),
    expect: isStale
      ? null
      : 'a checksum that is neither 0 nor the one called for: the receiver verifies it, and drops',
  };
  return isStale ? [read, ...portSteps(material, datagram, outer, read.command)] : [read];
}

/** The recovered port by bc; where the inner checksum is left to offload, it is completed first. */
function portSteps(
  material: ReportMaterial,
  datagram: ShownDatagram,
  outer: Outer,
  readOuter: string,
): CheckStep[] {
  const address = addressTerm(outer);
  const expect = String(outer.sourcePortBefore);
  const title = 'The port that the checksum was made for: port + due - stored, modulo 65535';
  const andAddress = address === '' ? '' : '; the address was rewritten too, and counts twice';
  const calculate = (terms: string) =>
    `printf '%s\\n' "s = ${terms}${address}; (s % 65535 + 65535) % 65535"`;
  if (dissect(datagram, outer.destinationPort)?.inner.state !== 'partial') {
    const terms = '$port + $((due)) - $((stored))';
    return [
      {
        title: `${title}${andAddress}`,
        command: `${readOuter} | { read -r port stored due; ${calculate(terms)} | bc; }`,
        expect,
      },
    ];
  }
  const protocol = datagram.flow.inner.protocol === 'udp' ? 'udp' : 'tcp';
  const readInner = fieldsOf(material, {
    capture: datagram.capture,
    numbers: [datagram.number],
    outer,
    occurrence: 'l',
    fields: [`${protocol}.checksum`, `${protocol}.checksum_calculated`],
  });
  const terms = '$port + $((due)) + $((open)) - $((full)) - $((stored))';
  return [
    {
      title:
        'Its inner checksum was left for the NIC to finish: what it holds, and what it will be. ' +
        'tshark sums the bytes as they stand, so the outer sum moves by the difference of the two',
      command: readInner,
      expect: null,
    },
    {
      title: `${title}, with the inner checksum completed${andAddress}`,
      command:
        `{ ${readOuter}; ${readInner}; } | paste -s -d ' ' - | ` +
        `{ read -r port stored due open full; ${calculate(terms)} | bc; }`,
      expect,
    },
  ];
}

/** The words of both addresses, to be added up by bc. */
function addressTerm({ source, sourceBefore }: Outer): string {
  if (sourceBefore === null || sourceBefore === source) return '';
  const [after, before] = [addressWords(source), addressWords(sourceBefore)];
  return after && before ? ` + 2*(${after.join('+')}) - 2*(${before.join('+')})` : '';
}

/** All first packets of the connection on the receiver's NIC, or else on the sender's. */
function firstPacketSteps(
  material: ReportMaterial,
  { syns }: FlowReport,
  outer: Outer,
): CheckStep[] {
  const { captures } = material.verdict;
  const capture = (['peer-underlay', 'underlay'] as const)
    .flatMap(role => captures.filter(own => own.role === role))
    .find(({ name }) => syns.some(({ frames }) => frames.some(frame => frame.capture === name)));
  if (!capture) return [];
  const shown = syns.filter(({ frames }) => frames.some(frame => frame.capture === capture.name));
  const numbers = shown
    .flatMap(({ frames }) => frames.filter(frame => frame.capture === capture.name))
    .slice(0, MOST_FRAMES)
    .map(({ number }) => number);
  const wrong = shown.filter(isWrong).length;
  const caution =
    capture.role === 'underlay'
      ? '. Where the inner checksum is left for the NIC to finish, tshark calls for another sum than the one ' +
        'that leaves'
      : '';
  return [
    {
      title: `All first packets of the connection in this capture: time, source port, checksum, the one called for${caution}`,
      command: fieldsOf(material, {
        capture: capture.name,
        numbers,
        outer,
        occurrence: 'f',
        fields: ['frame.number', 'frame.time_relative', ...OUTER_FIELDS],
      }),
      expect: `${wrong} of ${shown.length} with a wrong checksum`,
    },
  ];
}

function siblingSteps(material: ReportMaterial, outer: Outer): CheckStep[] {
  const { witnesses, captures } = material.verdict;
  const sibling = witnesses.find(({ kind }) => kind === 'sibling');
  const frame = sibling && tellingFrame(sibling.frames, captures);
  if (!frame) return [];
  return [
    {
      title: 'A datagram of the same connection that left from that port itself, not rewritten',
      command: fieldsOf(material, {
        capture: frame.capture,
        numbers: [frame.number],
        outer,
        occurrence: 'f',
        fields: OUTER_FIELDS,
      }),
      expect: `${outer.sourcePortBefore}, and twice the same checksum`,
    },
  ];
}

function conntrackSteps({ sender, nodes }: ReportMaterial, outer: Outer): CheckStep[] {
  const facts = nodes.find(({ node }) => node === sender);
  const { conntrackEvents = [], conntrackEntries = [] } = facts?.snapshot ?? {};
  const { sourcePortAfter, sourcePortBefore } = outer;
  const isOurs = ({ reply }: { readonly reply: { readonly destinationPort: number } }) =>
    reply.destinationPort === sourcePortAfter;
  const file = conntrackEvents.some(({ entry }) => isOurs(entry))
    ? 'conntrack-events.txt'
    : conntrackEntries.some(isOurs)
      ? 'conntrack-list.txt'
      : undefined;
  if (!facts || file === undefined) return [];
  return [
    {
      title:
        "The sender's conntrack: its first sport is the port before the second SNAT, its last dport the one " +
        'on the wire',
      command: `grep -E ${quoted(`udp .* dport=${sourcePortAfter}( |$)`)} ${quoted(`${facts.node}/${file}`)}`,
      expect: sourcePortBefore === null ? null : `sport=${sourcePortBefore}`,
    },
  ];
}

function ruleSteps({ verdict: { rule } }: ReportMaterial): CheckStep[] {
  if (!rule || rule.line === null) return [];
  return [
    {
      title: 'The rule that did it',
      command: `sed -n ${rule.line}p ${quoted(`${rule.node}/${rule.file}`)}`,
      expect: null,
    },
  ];
}

function counterSteps(
  { receiver, nodes }: ReportMaterial,
  outer: Outer | null | undefined,
): CheckStep[] {
  const facts = nodes.find(({ node }) => node === receiver);
  const name = outer?.source.includes(':') ? 'Udp6InCsumErrors' : 'UdpInCsumErrors';
  const reading = facts?.counters.find(counter => counter.name === name);
  if (!facts || !reading) return [];
  const file = (when: string) => quoted(`${facts.node}/nstat.${when}.txt`);
  return [
    {
      title: 'What the receiver counted as dropped for a wrong checksum, before and after',
      command: `grep -w ${name} ${file('before')} ${file('after')}`,
      expect: `${reading.before}, then ${reading.after}`,
    },
  ];
}

interface Look {
  readonly capture: string;
  readonly numbers: readonly number[];
  readonly outer: Outer;
  /** Of a field that the outer and the inner packet have: the first, or the last. */
  readonly occurrence: 'f' | 'l';
  readonly fields: readonly string[];
}

function fieldsOf({ files }: ReportMaterial, look: Look): string {
  const { capture, numbers, outer, occurrence, fields } = look;
  const filter =
    numbers.length === 1
      ? `frame.number == ${numbers[0]}`
      : `frame.number in {${numbers.join(', ')}}`;
  const file = files.find(({ name }) => name === capture)?.file ?? capture;
  return [
    `tshark -r ${quoted(file)} -Y ${quoted(filter)}`,
    `-d udp.port==${outer.destinationPort},${outer.encapsulation === 'geneve' ? 'geneve' : 'vxlan'}`,
    '-o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE',
    `-T fields -E occurrence=${occurrence} -E separator=/s`,
    ...fields.map(field => `-e ${field}`),
  ].join(' ');
}

/** For a shell, whatever the text holds. */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
