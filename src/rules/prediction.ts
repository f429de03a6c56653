/** What `inspect` says (`stalesum.prediction/1`). Its keys are a contract with scripts. */
import type { Recommendation, VerdictName } from '../analysis/verdict.js';
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
