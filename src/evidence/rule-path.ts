/** The rules that a connection's first packet met on the sender, inner packet and outer datagram. */
import type { FlowReport, RuleReport } from '../analysis/verdict.js';
import { messageOf, StalesumError } from '../errors.js';
import type { PredictedStep, Prediction } from '../rules/prediction.js';

export interface RulePath {
  readonly steps: readonly PredictedStep[];
  readonly gaps: readonly string[];
}

const NO_PATH: RulePath = { steps: [], gaps: [] };

/** Walks the saved rules as `inspect` does; of its ways, the one that ends at the rule that is named. */
export async function readRulePath(
  flow: FlowReport,
  rule: RuleReport | null,
  folder: string,
): Promise<RulePath> {
  const { protocol, service, destination } = flow.inner;
  const target = endpointOf(service ?? destination);
  if (!target || (protocol !== 'tcp' && protocol !== 'udp')) return NO_PATH;
  const [{ inspectFiles }, { isRules, readNodeFiles }] = await Promise.all([
    import('../rules/inspect.js'),
    import('../snapshot/node-files.js'),
  ]);
  try {
    const files = await readNodeFiles(folder);
    if (!files.files.some(isRules)) return NO_PATH;
    const predictions = (['host', 'pod'] as const).flatMap(
      source => inspectFiles(files, { target, protocol, source, order: [] }).predictions,
    );
    const found = rule ? predictions.find(prediction => endsAt(prediction, rule)) : predictions[0];
    return { steps: (found?.steps ?? []).filter(({ effect }) => effect !== 'nothing'), gaps: [] };
  } catch (thrown) {
    if (!(thrown instanceof StalesumError)) throw thrown;
    return { steps: [], gaps: [`rules not walked: ${messageOf(thrown)}`] };
  }
}

function endsAt({ decidingRule }: Prediction, { chain, line, rule }: RuleReport): boolean {
  return (
    decidingRule !== null &&
    decidingRule.chain === chain &&
    (decidingRule.line === line || decidingRule.rule === rule)
  );
}

/** `10.96.0.10:80`, `[fd00::1]:80`. */
function endpointOf(text: string): { address: string; port: number } | undefined {
  const match = /^\[?([0-9a-fA-F:.]+?)\]?:(\d+)$/.exec(text);
  return match ? { address: match[1] ?? '', port: Number(match[2]) } : undefined;
}
