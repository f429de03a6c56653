/** Makes the changes that a scenario wants in the built lab. */
import { messageOf, StalesumError } from '../errors.js';
import type { NetnsNode } from '../node/netns.js';
import type { LabNodeName } from './layout.js';
import type { ChangeStage, LabChange, Scenario } from './scenario.js';

type LabNodes = Readonly<Record<LabNodeName, NetnsNode>>;

/** What nft(8), iptables(8) and ethtool(8) say of a kernel that was built without what they ask for. */
const NOT_IN_KERNEL =
  /not supported|Could not process rule: No such file|Could not change any device features/i;

/**
 * Makes the changes of one stage, in order.
 *
 * @throws StalesumError `missing-tool` if the kernel cannot do one; `internal` with the command's words.
 */
export async function applyChanges(
  nodes: LabNodes,
  { name, changes }: Scenario,
  stage: ChangeStage,
): Promise<void> {
  for (const change of changes) {
    if ((change.when ?? 'built') === stage) await apply(nodes[change.node], change, name);
  }
}

/** @throws StalesumError `missing-tool` if the kernel cannot do it; `internal` with the command's words. */
export async function apply(
  node: NetnsNode,
  { command, args, input }: Pick<LabChange, 'command' | 'args' | 'input'>,
  scenario: string,
): Promise<void> {
  const { exitCode, stderr } = await node.run(command, args, {
    ...(input === undefined ? {} : { input }),
    mayFail: true,
  });
  if (exitCode === 0) return;
  const message = messageOf(`${node.name}: ${command}: ${stderr}`);
  throw NOT_IN_KERNEL.test(stderr)
    ? new StalesumError('missing-tool', `this kernel cannot do scenario ${scenario}: ${message}`)
    : new StalesumError('internal', message);
}
