/** What `stalesum matrix` says (`stalesum.matrix/1`). Its keys are a contract with scripts. */
import type { VirtualMachine } from '../analysis/input.js';
import type { ChecksumState, Grade, VerdictName } from '../analysis/verdict.js';
import type { Protocol } from '../lab/layout.js';
import type { Retransmits } from '../lab/retransmits.js';

export const MATRIX_SCHEMA = 'stalesum.matrix/1';

/** One scenario over one protocol: what its rules foretold, and what its packets showed. */
export interface MatrixRow {
  readonly scenario: string;
  readonly protocol: Protocol;
  readonly retransmits: Retransmits;
  /** By walking the rules and settings that this lab's node had before the connection. */
  readonly predicted: VerdictName;
  /** By the captures; `inconclusive` also where the lab could not be run. */
  readonly measured: VerdictName;
  readonly grade: Grade;
  /**
   * Whether both say the same of what rules can decide: if the outer port is rewritten, and if the bug
   * breaks its checksum. A lost SYN or a broken wire is no matter of rules. Null where one of the two
   * does not commit itself.
   */
  readonly agrees: boolean | null;
  /** As measured; null where nothing shows it. */
  readonly outerSourcePortRewritten: boolean | null;
  /** Of the first datagram, on the wire. */
  readonly checksum: ChecksumState | null;
  /** Whether the receiver took the first datagram out of the tunnel. */
  readonly delivered: boolean | null;
  /** First packet to the answer; null if none came. */
  readonly delaySeconds: number | null;
}

/** What a report says of a row beside its figures. */
export interface MatrixDetail {
  readonly scenario: string;
  readonly protocol: Protocol;
  readonly group: string;
  readonly title: string;
  /** A rule of the lab does what another kernel would do. */
  readonly emulated: boolean;
  readonly predictedBecause: string;
  readonly measuredBecause: string;
  /** Another fault than the bug that the captures show. */
  readonly lookAlike: string | null;
  /** Why the lab could not be run, or not be judged. */
  readonly fault: string | null;
}

export interface MatrixDocument {
  readonly schema: typeof MATRIX_SCHEMA;
  readonly tool: { readonly name: string; readonly version: string };
  /** `uname -r` of the kernel that all rows were measured on. */
  readonly kernel: string;
  /** The virtual machine that they were measured in (`--kernel`). */
  readonly machine: VirtualMachine | null;
  readonly exitCode: number;
  readonly summary: string;
  readonly rows: readonly MatrixRow[];
  /** One for each row, in the same order. */
  readonly details: readonly MatrixDetail[];
  readonly warnings: readonly string[];
}
