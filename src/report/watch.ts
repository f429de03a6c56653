/** What a watch says to people: a line for each finding, and little else. */
import { createColors } from 'picocolors';
import { printable } from '../output.js';
import type { InterfaceTotals } from '../watch/counts.js';
import type { FindingEvent, OuterReport, WatchEvent, WatchTotals } from '../watch/events.js';
import type { FlowKind, InnerFlow } from '../watch/flow-memory.js';
import type { Judgement } from '../watch/judge.js';
import { formatEndpoint } from '../wire/address.js';
import { wrongDatagramComment } from './frame-comments.js';

export interface WatchTextOptions {
  /** False: never; true: where the terminal and NO_COLOR allow it. */
  readonly color: boolean;
}

const HEADINGS = { stale: 'STALE', mangled: 'MANGLED', other: 'CORRUPT' } as const;

/** The event as one or more lines, each with its line feed; empty for what is not shown. */
export function watchText(event: WatchEvent, { color }: WatchTextOptions): string {
  const paint = color ? createColors() : createColors(false);
  const time = paint.dim(event.at.slice('2026-11-23T'.length, '2026-11-23T02:49:52.123'.length));
  const line = (text: string) => `${time}  ${printable(text)}\n`;
  switch (event.event) {
    case 'started':
      return startedLines(event).map(line).join('');
    case 'stale':
    case 'mangled':
    case 'other': {
      const paintKind = event.event === 'other' ? paint.yellow : paint.red;
      const heading = paint.bold(paintKind(HEADINGS[event.event].padEnd(7)));
      return `${time}  ${heading}  ${printable(findingText(event))}\n`;
    }
    case 'retracted': {
      const what = event.outer
        ? `${innerText(event.inner)} from outer port ${event.outer.sourcePortAfter}`
        : `every finding of difference ${event.difference}`;
      return line(`taken back: ${event.interface}: ${what}: ${event.reason}`);
    }
    case 'flow':
      return line(
        `${event.interface}: ${innerText(event.inner)}: ${event.datagrams} wrong datagrams ` +
          `${event.firstSeen} to ${event.lastSeen}`,
      );
    case 'interface':
      return line(`${event.interface}: ${event.up ? 'is back' : (event.reason ?? 'is gone')}`);
    case 'sampling':
      return line(`${event.interface}: ${samplingText(event)}`);
    case 'drops':
      return line(
        `${event.interface}: ${event.kernelDrops} datagrams were lost unexamined: no room in the ring`,
      );
    case 'fault':
      return line(event.message);
    case 'summary':
      return '';
    case 'ended':
      return endedLines(event).map(line).join('');
  }
}

/** The comment on a frame that is kept as evidence. */
export function watchComment(judgement: Judgement, kind: FlowKind): string {
  if (kind === 'other') return `stalesum: wrong outer UDP checksum: ${judgement.reason}.`;
  const { outerSourcePort: sourcePort, stored, correct, innerPending, recoveredPort } = judgement;
  const port = kind === 'stale' && recoveredPort >= 0 ? recoveredPort : undefined;
  return wrongDatagramComment({ sourcePort, stored, correct, innerPending }, { port });
}

/** One line of what was seen so far, for a terminal. */
export function watchProgress({ interfaces, flows }: WatchTotals): string {
  const examined = interfaces.reduce((sum, one) => sum + one.examined, 0);
  const found = flows.stale + flows.mangled + flows.other;
  return printable(
    `${interfaces.map(one => `${one.interface}${one.up ? '' : ' (away)'}`).join(', ')}: ` +
      `${examined} datagrams with a checksum examined, ${found} flows with a wrong one`,
  );
}

function startedLines(event: WatchEvent & { readonly event: 'started' }): string[] {
  const { interfaces, ports, metrics, evidence } = event;
  return [
    `watching ${interfaces.join(', ')}: tunnels to UDP ports ${ports.join(', ')}`,
    ...(metrics === null ? [] : [`metrics at ${metrics}`]),
    ...(evidence === null
      ? []
      : [`evidence in ${evidence.folder}, ${evidence.mostBytes / 1e6} MB at most`]),
  ];
}

function findingText({ interface: name, direction, inner, outer, checksum, reason }: FindingEvent) {
  const way = direction === 'unknown' ? '' : ` ${direction}`;
  const why = reason === null ? '' : `; ${reason}`;
  const { stored, correct } = checksum;
  return `${name}${way}  ${innerText(inner)}  in ${outerText(outer)}  checksum ${stored}, due ${correct}${why}`;
}

function innerText(inner: InnerFlow | null): string {
  return inner === null
    ? 'no IP packet'
    : `${inner.protocol} ${inner.source} -> ${inner.destination}`;
}

function outerText(outer: OuterReport): string {
  const { sourcePortBefore: before, sourcePortAfter: after } = outer;
  const was = before === null ? '' : ` (was ${before})`;
  const to = formatEndpoint(outer.destination, outer.destinationPort);
  return `${formatEndpoint(outer.source, after)}${was} -> ${to} vni ${outer.vni}`;
}

function samplingText({
  first,
  other,
}: {
  readonly first: number;
  readonly other: number;
}): string {
  const part = (oneIn: number) => (oneIn === 1 ? 'all' : `one in ${oneIn}`);
  return first === 1 && other === 1
    ? 'every datagram is examined again'
    : `much traffic with checksums: examining ${part(first)} of those that begin a connection, ${part(other)} of the others`;
}

function endedLines(totals: WatchTotals): string[] {
  const { seconds, interfaces, flows, evidence, linesDropped } = totals;
  return [
    `ended after ${seconds.toFixed(0)} s`,
    ...interfaces.map(one => `${one.interface}: ${interfaceText(one)}`),
    `flows: ${flows.stale} stale, ${flows.mangled} mangled, ${flows.other} corrupt otherwise`,
    ...(flows.retractions > 0 ? [`${flows.retractions} findings were taken back`] : []),
    ...(evidence ? [`evidence: ${evidence.frames} frames`] : []),
    ...(linesDropped > 0 ? [`${linesDropped} findings were counted and not printed`] : []),
  ];
}

function interfaceText(totals: InterfaceTotals): string {
  const { examined, stale, mangled, other, kernelDrops, passedOver, interruptions } = totals;
  return [
    `${examined} datagrams with a checksum examined`,
    `${stale} stale, ${mangled} mangled, ${other} corrupt otherwise`,
    kernelDrops === 0 ? 'none lost' : `${kernelDrops} lost unexamined`,
    ...(passedOver > 0 ? [`about ${passedOver} not in the sample`] : []),
    ...(interruptions > 0 ? [`away ${interruptions} times`] : []),
  ].join('; ');
}
