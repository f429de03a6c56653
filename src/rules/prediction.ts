/** What `inspect` says (`stalesum.prediction/1`). Its keys are a contract with scripts. */
import type { Recommendation, VerdictName } from '../analysis/verdict.js';
import type { KubeProxyMode } from '../snapshot/kube-proxy.js';
import type { ReadingRecord } from '../snapshot/reading.js';
import type { Source } from './two-passes.js';
import type { Pass } from './walk.js';

export const PREDICTION_SCHEMA = 'stalesum.prediction/1';

export interface PredictionDocument {
  readonly schema: typeof PREDICTION_SCHEMA;
  readonly tool: { readonly name: string; readonly version: string };
  readonly predictions: readonly Prediction[];
  /** What was read, each with what it is taken for. */
  readonly sources: readonly { readonly file: string; readonly taken: string }[];
  /** What would have helped and was not there. */
  readonly gaps: readonly string[];
  /** What the node says of itself, beside its rules. */
  readonly environment: NodeEnvironment;
  /** What does not go together, as rules that an older kube-proxy left. */
  readonly warnings: readonly string[];
  /** Each reading of a live node with its command, its time, and why it failed if it did. */
  readonly readings: readonly ReadingRecord[];
}

export interface NodeEnvironment {
  readonly kernel: {
    readonly release: string;
    /** `uname -v`; empty if it was not saved. */
    readonly build: string;
    readonly distribution: string | null;
    /** Whether it leaves a zero UDP checksum alone (ea64d8d6c675); null if that cannot be told. */
    readonly leavesZeroChecksum: boolean | null;
    readonly because: string;
  } | null;
  readonly kubeProxy: {
    readonly version: string | null;
    readonly mode: KubeProxyMode | null;
    /** Whether that version takes the masquerade mark off; null if the version is not known. */
    readonly carriesPr92035: boolean | null;
    readonly running: boolean;
  } | null;
  /** Types of the CNI plugins that are configured: `flannel`, `portmap`. */
  readonly cni: readonly string[];
}

export interface Prediction {
  readonly flow: {
    readonly source: string;
    readonly target: string;
    readonly protocol: 'tcp' | 'udp';
    readonly from: Source;
    /** `default/web:http`, where the rules name it. */
    readonly service: string | null;
    /** Where the connection ends up on other nodes, after DNAT. */
    readonly endpoints: readonly string[];
  };
  readonly verdict: VerdictName;
  /** False if what is not known decides: see `because`. */
  readonly certain: boolean;
  readonly outerSourcePortRewritten: boolean | null;
  readonly decidingRule: RuleReference | null;
  readonly steps: readonly PredictedStep[];
  readonly because: string;
  readonly recommendations: readonly Recommendation[];
  /** What was taken for granted, as it was not saved. */
  readonly assumptions: readonly string[];
  /** Where the answer is uncertain: each outcome, with what leads to it. */
  readonly outcomes: readonly {
    readonly if: string;
    readonly outerSourcePortRewritten: boolean | null;
  }[];
}

export interface RuleReference {
  readonly pass: Pass;
  readonly table: string;
  readonly chain: string;
  readonly rule: string;
  readonly line: number | null;
  readonly file: string;
}

export interface PredictedStep extends RuleReference {
  readonly effect: string;
  /** The packet's mark after it. */
  readonly mark: string;
}
