/** What an analysis is made of: captures already observed, and what the nodes said of themselves. */
import type { NodeSnapshot } from '../snapshot/node-snapshot.js';
import type { CaptureObservation } from './observation.js';
import type { RunNote } from './run-notes.js';

/** Where on a packet's way a capture was taken. */
export type Layer = 'overlay' | 'underlay' | 'tap';

/** Which end of the tunnel, seen from the connection's client. */
export type Side = 'sender' | 'receiver';

export interface CaptureInput {
  /** How reports call it: `node-a/underlay.pcap`. */
  readonly name: string;
  readonly node: string | undefined;
  readonly interface: string | undefined;
  /** Where given: by its name, or by the user. Otherwise recognised by what is in it. */
  readonly layer: Layer | undefined;
  readonly side: Side | undefined;
  readonly linkType: string;
  readonly kernelDrops: number | undefined;
  readonly truncated: { readonly offset: number; readonly reason: string } | null;
  readonly sha256: string | undefined;
  readonly observation: CaptureObservation;
}

/** A connection that the probe opened, as the kernel of the client's node told it. */
export interface ProbedConnection {
  readonly purpose: 'control' | 'target';
  /** What was connected to: a service address, or the pod's own. */
  readonly target: string;
  /** The client's own endpoint. */
  readonly local: string | undefined;
  readonly connectSeconds: number | undefined;
  /** `tcpi_total_retrans` behind connect(). */
  readonly retransmits: number | undefined;
  /** `connected`, or the error's code (`ETIMEDOUT`). */
  readonly result: string;
}

/** A virtual machine that the run was made in: with the processor's help, or emulated altogether. */
export const VIRTUAL_MACHINES = ['qemu-kvm', 'qemu-tcg'] as const;
export type VirtualMachine = (typeof VIRTUAL_MACHINES)[number];
export const VIRTUAL_MACHINE_TEXTS: Readonly<Record<VirtualMachine, string>> = {
  'qemu-kvm': 'in qemu with KVM',
  'qemu-tcg': 'in qemu without KVM',
};

/** What is known of a live run beyond its captures. */
export interface RunRecord {
  readonly scenario: string | undefined;
  readonly title: string | undefined;
  readonly emulated: boolean;
  readonly machine?: VirtualMachine | undefined;
  /** What limited the run. */
  readonly notes?: readonly RunNote[];
  readonly connections: readonly ProbedConnection[];
  /** Why the recording is not whole, in one sentence; absent where it is. */
  readonly incomplete?: string | undefined;
}

export interface AnalysisInput {
  readonly captures: readonly CaptureInput[];
  readonly snapshots: readonly NodeSnapshot[];
  readonly run: RunRecord | undefined;
}
