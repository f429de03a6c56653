/** The sentence that a ticket can start with. */
import type { FlowReport, Grade, VerdictName } from './verdict.js';

export interface SummaryFacts {
  /** Whether something shows that it happened on the sender, and not somewhere on the way. */
  readonly atSender: boolean;
  /** Connections with the same verdict, the one that is summed up among them. */
  readonly convicted: number;
}

export function summarize(
  verdict: VerdictName,
  grade: Grade,
  flow: FlowReport | undefined,
  because: string,
  { atSender, convicted }: SummaryFacts,
): string {
  if (!flow) return capitalize(`${because}.`);
  const target = flow.inner.service
    ? `${flow.inner.service} (${flow.inner.destination})`
    : flow.inner.destination;
  const way = `${flow.inner.source} to ${target}`;
  const ports = portsOf(flow);
  const more = convicted - 1;
  const others = more > 0 ? `, and ${more} more connection${more === 1 ? '' : 's'}` : '';
  switch (verdict) {
    case 'stale-checksum':
      return atSender
        ? `A second SNAT rewrote the outer VXLAN source port${ports} under a checksum that still is the old ` +
            `port's (${grade}): ${lossOf(flow)}, ${way}${others}.`
        : `The outer VXLAN source port was rewritten after the checksum was made${ports} (${grade}): ` +
            `${lossOf(flow)}, ${way}${others}.`;
    case 'mangled-checksum':
      return (
        `A second SNAT rewrote the outer VXLAN source port${ports} and turned its zero checksum into ` +
        `${badChecksum(flow)} (${grade}): ${lossOf(flow)}, ${way}${others}.`
      );
    case 'double-snat-harmless':
      return `The outer VXLAN source port was rewritten a second time${ports}, without harm: ${way}.`;
    case 'not-rewritten':
      return `The outer VXLAN source port was not rewritten a second time: ${way}.`;
    case 'no-fault':
      return `Outer checksums are right or zero and nothing was lost: ${way}.`;
    default:
      return capitalize(`${because}: ${way}.`);
  }
}

function portsOf({ outer }: FlowReport): string {
  if (!outer || outer.sourcePortBefore === null) return '';
  return ` (${outer.sourcePortBefore} to ${outer.sourcePortAfter})`;
}

function badChecksum({ syns }: FlowReport): string {
  return syns.find(({ checksum }) => checksum?.state === 'mangled')?.checksum?.stored ?? '0xffff';
}

function lossOf({ inner, syns, delay, datagrams }: FlowReport): string {
  const isUdp = inner.protocol === 'udp';
  const bad = syns.filter(({ checksum }) => ['stale', 'mangled'].includes(checksum?.state ?? ''));
  if (bad.length === 0) {
    const count = datagrams.stale + datagrams.mangled;
    return `${count} datagram${count === 1 ? '' : 's'} with a wrong checksum`;
  }
  const [one, many] = isUdp ? ['query', 'queries'] : ['SYN', 'SYNs'];
  const what = `${bad.length} ${bad.length === 1 ? one : many}`;
  if (bad.some(({ delivered }) => delivered !== false)) return `${what} with a wrong checksum`;
  const [never, after] = isUdp
    ? ['never answered', 'answered after']
    : ['no connection', 'connected after'];
  if (delay?.connectSeconds == null) return `${what} lost, ${never}`;
  return `${what} lost, ${after} ${delay.connectSeconds.toFixed(3)} s`;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
