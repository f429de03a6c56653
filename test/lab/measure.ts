/** What a scenario shows, by plain tools: tcpdump, conntrack, the kernel's counters. Nothing of ours. */
import { expect } from 'vitest';
import { PROJECT, runLab } from './run.js';

/** One tunnel datagram as tcpdump -vv shows it. */
export interface Datagram {
  readonly at: number;
  readonly source: string;
  readonly sourcePort: number;
  /** Length of the outer IP packet. */
  readonly length: number;
  readonly checksum: Verified;
  /** `10.244.0.0.40000 > 10.244.1.2.8080`. */
  readonly flow: string;
  /** TCP flags, `S`. */
  readonly flags: string;
  readonly innerChecksum: Verified;
}

/** What tcpdump found in a checksum field: `none` is a zero. */
export type Verified =
  | { readonly state: 'ok' | 'none' }
  | { readonly state: 'bad'; readonly stored: number; readonly due: number };

/** A NAT binding of node A's datagrams, from `conntrack -E`. */
export interface Binding {
  readonly event: string;
  readonly at: number;
  readonly source: string;
  readonly before: number;
  readonly newSource: string;
  readonly after: number;
}

export interface Connection {
  readonly result: string;
  readonly connected: number | null;
  readonly echoed: number;
  readonly answers: number;
}

export interface Measured {
  readonly connections: readonly Connection[];
  /** Of node A, where they left and where they arrived; `tapped` in front of NAT. */
  readonly sent: readonly Datagram[];
  readonly arrived: readonly Datagram[];
  readonly tapped: readonly Datagram[];
  /** tcpdump's lines of node B's overlay, and of the pod. */
  readonly decapsulated: string;
  readonly delivered: string;
  /** What else was on the wire. */
  readonly noise: string;
  readonly bindings: readonly Binding[];
  /** By how much a counter grew: `node-b UdpInCsumErrors`. */
  readonly grown: (counter: string) => number;
  readonly rules: Readonly<Record<'node-a' | 'node-b', string>>;
  readonly ipv6Rules: string;
  readonly settings: Readonly<Record<string, string | null>>;
}

export interface LabSetup {
  readonly classic?: boolean;
  readonly pinned?: boolean;
  readonly tap?: boolean;
  readonly control?: boolean;
}

export interface Attempt {
  readonly protocol?: 'tcp' | 'udp';
  readonly address?: string;
  readonly port?: number;
  readonly attempts?: number;
  readonly bytes?: number;
  /** When to give up. */
  readonly seconds?: number;
  readonly tap?: boolean;
  /** The VXLAN device and the UDP port of its datagrams; else flannel's. */
  readonly device?: string;
  readonly tunnelPort?: number;
}

export const DNS: Attempt = { protocol: 'udp', port: 53 };

export async function measure(
  scenario: string,
  attempt: Attempt = {},
  setup: LabSetup = {},
): Promise<Measured> {
  const facts = `${PROJECT}test/lab/scenario-facts.mjs`;
  const { outcome, stdout, stderr } = await runLab(
    JSON.stringify({ scenario, ...setup }),
    [process.execPath, facts, JSON.stringify(attempt)],
    { entry: `${PROJECT}test/lab/scenario-entry.mjs` },
  );
  expect({ outcome, stderr }).toEqual({ outcome: 0, stderr: '' });
  const { sent, arrived, tapped, conntrack, grown, ...rest } = JSON.parse(stdout);
  const fromNodeA = (text: string) => datagrams(text).filter(({ source }) => isNodeA(source));
  return {
    ...rest,
    sent: fromNodeA(sent),
    arrived: fromNodeA(arrived),
    tapped: fromNodeA(tapped ?? ''),
    bindings: bindings(conntrack),
    grown: counter => grown[counter],
  };
}

/** Packets that a rule of iptables-save -c counted; the rule is named by its end. */
export function packets(rules: string, end: string): number {
  const line = rules.split('\n').find(text => text.endsWith(end));
  return Number(/^\[(\d+):/.exec(line ?? '')?.[1]);
}

/** SYNs without ACK among tcpdump's lines. */
export function syns(lines: string): number {
  return lines.match(/Flags \[S\]/g)?.length ?? 0;
}

/**
 * The port that a wrong checksum is right for, worked out anew: the sum of all words is a multiple of
 * 65535, so what the checksum lacks is what the port has too much.
 */
export function portOf({ sourcePort, checksum }: Datagram): number {
  if (checksum.state !== 'bad') return sourcePort;
  return modulo(sourcePort + checksum.due - checksum.stored);
}

export function modulo(value: number): number {
  return ((value % 0xffff) + 0xffff) % 0xffff;
}

/** The lab's addresses that end in 1, and what the middlebox of one scenario makes of them. */
function isNodeA(source: string): boolean {
  return /^(192\.168\.50\.1|192\.168\.50\.11|192\.168\.51\.1|fd00:50::1)$/.test(source);
}

/** Each begins with a line that has a time; inner packets are on lines without one. */
function datagrams(text: string): Datagram[] {
  return text
    .split(/\n(?=\d+\.\d{6} )/)
    .filter(block => block.trim() !== '')
    .map(datagram);
}

function datagram(block: string): Datagram {
  const [outer = '', inner = ''] = block.split(/\n(?=IP )/);
  const [, at] = /^(\d+\.\d+)/.exec(outer) ?? [];
  const [, source = '', port, sum = ''] =
    /(\S+)\.(\d+) > \S+\.(?:8472|4789): \[([^\]]*)\]/.exec(outer) ?? [];
  const [, length] = /length:? (\d+)\)/.exec(outer) ?? [];
  const [, flow = '', rest = ''] = /\n\s+(\S+ > \S+): (.*)/.exec(inner) ?? [];
  // With -vv a wrong IP header checksum is named behind the length.
  expect(outer).not.toContain('bad cksum');
  return {
    ...{ at: Number(at), source, sourcePort: Number(port), length: Number(length) },
    ...{ checksum: verified(sum), flow, flags: /^Flags \[(.*?)\]/.exec(rest)?.[1] ?? '' },
    innerChecksum: verified(rest),
  };
}

/** `[bad udp cksum 0x4662 -> 0x7967!]`, or of TCP `cksum 0x1718 (incorrect -> 0xc399)`. */
function verified(text: string): Verified {
  const [, stored, due] =
    /cksum 0x([0-9a-f]+) (?:-> |\(incorrect -> )0x([0-9a-f]+)/.exec(text) ?? [];
  if (stored !== undefined && due !== undefined) {
    return { state: 'bad', stored: Number.parseInt(stored, 16), due: Number.parseInt(due, 16) };
  }
  if (text.includes('no cksum')) return { state: 'none' };
  if (/udp sum ok|\(correct\)/.test(text)) return { state: 'ok' };
  throw new Error(`tcpdump says nothing of a checksum: ${text}`);
}

function bindings(text: string): Binding[] {
  const entry =
    /\[(\d+\.\d+)\]\s+\[(\w+)\] udp .*?src=(\S+) .*?sport=(\d+) dport=(?:8472|4789) .*?dst=(\S+) .*?dport=(\d+)/g;
  return [...text.matchAll(entry)]
    .map(([, at, event = '', source = '', before, newSource = '', after]) => ({
      ...{ at: Number(at), event, source, before: Number(before) },
      ...{ newSource, after: Number(after) },
    }))
    .filter(({ source }) => isNodeA(source));
}
