/**
 * The verdict document: what every command that judges prints as JSON (`stalesum.verdict/1`). Its
 * keys are a contract with scripts. Times are seconds; points in time are decimal strings with all
 * nine digits of their nanoseconds; 16-bit checksum values are written `0x0664`.
 */

import type { VxlanDevice } from '../snapshot/links.js';
import type { ClockEstimate } from './clocks.js';
import type { VirtualMachine } from './input.js';

export const VERDICT_SCHEMA = 'stalesum.verdict/1';

export const VERDICTS = [
  'stale-checksum',
  'mangled-checksum',
  'double-snat-harmless',
  'not-rewritten',
  'no-fault',
  'other-corruption',
  'no-tunnel-traffic',
  'inconclusive',
] as const;
export type VerdictName = (typeof VERDICTS)[number];

export const GRADES = ['proved', 'supported', 'none'] as const;
export type Grade = (typeof GRADES)[number];

export type WitnessKind =
  | 'arithmetic'
  | 'sibling'
  | 'conntrack'
  | 'pre-nat-tap'
  | 'port-range'
  | 'rule-counters'
  | 'receiver-counters'
  | 'receiver-silence'
  | 'timeline';

export interface FrameReference {
  readonly capture: string;
  readonly number: number;
}

/** A fact that speaks for the verdict, of one kind, with the frames that show it. */
export interface Witness {
  readonly kind: WitnessKind;
  readonly statement: string;
  readonly frames: readonly FrameReference[];
  /** Probability that it would look so by accident, where that can be said. */
  readonly chance?: number;
}

export type ChecksumState =
  | 'valid'
  | 'zero'
  | 'partial'
  | 'stale'
  | 'mangled'
  | 'invalid'
  | 'unverifiable';

export interface SynReport {
  readonly atSeconds: number;
  readonly outerSourcePort: number | null;
  /** The source port before the second SNAT, where the datagram or a witness tells it. */
  readonly recoveredPort: number | null;
  readonly checksum: {
    readonly stored: string;
    readonly correct: string;
    readonly state: ChecksumState;
  } | null;
  /** Whether the receiver took it out of the tunnel; null where no capture can tell. */
  readonly delivered: boolean | null;
  readonly frames: readonly FrameReference[];
}

export interface DatagramReport {
  readonly total: number;
  readonly valid: number;
  readonly zero: number;
  readonly partial: number;
  readonly stale: number;
  readonly mangled: number;
  readonly invalid: number;
  readonly unverifiable: number;
}

export interface DelayReport {
  /** First SYN to the SYN-ACK at the client; null if it was never answered. */
  readonly connectSeconds: number | null;
  readonly retransmits: number;
  /** First SYN to the SYN that got through. */
  readonly lostSeconds: number | null;
  readonly predictedSeconds: number | null;
  readonly explanation: string;
}

export interface FlowReport {
  readonly inner: {
    readonly protocol: string;
    readonly source: string;
    readonly destination: string;
    /** The service address that the client connected to, where conntrack tells it. */
    readonly service: string | null;
  };
  readonly verdict: VerdictName;
  readonly grade: Grade;
  readonly outer: {
    readonly source: string;
    /** The source address before the second SNAT, which mostly leaves it as it is. */
    readonly sourceBefore: string | null;
    readonly destination: string;
    readonly destinationPort: number;
    readonly vni: number;
    readonly encapsulation: string;
    readonly sourcePortBefore: number | null;
    readonly sourcePortAfter: number;
  } | null;
  readonly datagrams: DatagramReport;
  readonly syns: readonly SynReport[];
  readonly delay: DelayReport | null;
  /** Why this verdict, in one sentence. */
  readonly because: string;
  /** Another fault than the bug that the captures show, and where: for the ticket. */
  readonly lookAlike: string | null;
}

export interface CaptureReport {
  readonly name: string;
  readonly role: CaptureRole;
  readonly node: string | null;
  readonly interface: string | null;
  readonly linkType: string;
  readonly frames: number;
  readonly bytes: number;
  readonly kernelDrops: number | null;
  readonly truncated: { readonly offset: number; readonly reason: string } | null;
  readonly firstSeen: string | null;
  readonly lastSeen: string | null;
  readonly sha256: string | null;
}

export type CaptureRole =
  | 'overlay'
  | 'underlay'
  | 'peer-underlay'
  | 'peer-overlay'
  | 'tap'
  | 'unknown';

export interface ControlReport {
  readonly source: string;
  readonly destination: string;
  readonly clean: boolean;
  readonly connectSeconds: number | null;
  /** Names of the captures that show it. */
  readonly seenAt: readonly string[];
  readonly statement: string;
}

export interface Recommendation {
  readonly action: string;
  readonly command: string | null;
  readonly why: string;
  readonly source: string;
}

/** The rule that did the second SNAT, by walking the sender's saved rules. */
export interface RuleReport {
  readonly node: string;
  readonly file: string;
  readonly line: number | null;
  readonly table: string;
  readonly chain: string;
  readonly rule: string;
  readonly packetsBefore: number | null;
  readonly packetsAfter: number | null;
}

export interface DelaySummary {
  readonly count: number;
  readonly delayed: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** How far one capture's clock is from another's, and by how many packets that is known. */
export interface ClockReport extends ClockEstimate {
  readonly reference: string;
  readonly other: string;
}

/** What the nodes said of themselves, and the lab's scenario if it was a lab. */
export interface Environment {
  readonly scenario: string | null;
  readonly title: string | null;
  /** True if a rule of the lab did what another kernel would do. */
  readonly emulated: boolean;
  /** The virtual machine that it ran in, with a kernel of its own (`--kernel`). */
  readonly machine: VirtualMachine | null;
  readonly nodes: readonly NodeEnvironment[];
}

export interface NodeEnvironment {
  readonly node: string;
  readonly kernel: string | null;
  readonly vxlan: readonly VxlanDevice[];
  readonly sysctls: Readonly<Record<string, string>>;
  /** What its snapshot holds: `conntrack`, `counters`, `links`, `offload`, `settings`. */
  readonly parts: readonly string[];
}

export interface VerdictDocument {
  readonly schema: typeof VERDICT_SCHEMA;
  readonly tool: { readonly name: string; readonly version: string };
  readonly verdict: VerdictName;
  readonly grade: Grade;
  readonly exitCode: number;
  readonly summary: string;
  readonly witnesses: readonly Witness[];
  readonly flows: readonly FlowReport[];
  readonly rule: RuleReport | null;
  readonly delays: DelaySummary;
  readonly captures: readonly CaptureReport[];
  /** How far the clocks of captures that show the same packets are apart. */
  readonly clocks: readonly ClockReport[];
  readonly control: ControlReport | null;
  readonly environment: Environment | null;
  readonly recommendations: readonly Recommendation[];
  readonly warnings: readonly string[];
}

/** `0x0664`. */
export function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}
