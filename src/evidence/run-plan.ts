/** What a live run is made of: nodes, capture points and connections. */
import type { VirtualMachine } from '../analysis/input.js';
import type { RunNote } from '../analysis/run-notes.js';
import type { CaptureEngine } from '../capture/engine.js';
import type { CaptureFilter, InnerFilter } from '../capture/filter.js';
import type { CapturedFrame } from '../capture-file/frame.js';
import type { Node } from '../node/node.js';
import type { ProbeClient } from '../probe/clients.js';
import type { Target } from '../probe/connect.js';

/** A node that takes part, with its two capture points. */
export interface RunNode {
  readonly node: Node;
  readonly overlay: string;
  readonly underlay: string;
  readonly engine: CaptureEngine;
  /** Whether it has conntrack, to be watched. */
  readonly hasConntrack: boolean;
  /** What shows its tunnel datagrams in front of NAT: `nflog:5`. */
  readonly tap?: string;
}

export interface RunPlan {
  readonly scenario: string | undefined;
  readonly title: string | undefined;
  readonly emulated: boolean;
  readonly machine?: VirtualMachine | undefined;
  /** The client's node first. */
  readonly nodes: readonly [RunNode, RunNode];
  readonly tunnelPort: number;
  /** What of the overlay is captured, and of the tunnel's datagrams; a lab's are all of interest. */
  readonly overlayFilter: CaptureFilter;
  readonly innerFilter?: InnerFilter | undefined;
  readonly protocol: 'tcp' | 'udp';
  /** A connection that cannot have the fault: straight to the pod. */
  readonly control: Target;
  readonly target: Target;
  /** Connections to the target at once. */
  readonly attempts: number;
  /** Bytes to be echoed over each; 0: connecting is enough. */
  readonly bytes: number;
  /** What opens them, and the address that they get through the tunnel, if these are known. */
  readonly client?: ProbeClient;
  readonly source?: string | undefined;
  readonly timeoutSeconds: number;
  /** Whether payload is written as it is captured, and not blanked. */
  readonly keepPayload: boolean;
  /** What limits the verdict. */
  readonly notes: readonly RunNote[];
  /** Between the control and the target: what a lab does to its wire only then. */
  readonly afterControl: () => Promise<void>;
}

/** Told while the run goes on. */
export interface RunProgress {
  step(text: string): void;
  /** A frame on the client's overlay, after the control is done. */
  overlayFrame(frame: CapturedFrame): void;
}
