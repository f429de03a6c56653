/** Options of `reproduce` for real nodes, apart from what they take to be carried out. */

import type { ClusterSettings } from '../node/kubectl.js';

/** What `--from` and its companions say. */
export interface BetweenOptions {
  readonly from?: string;
  readonly to?: string;
  readonly target?: string;
  readonly exposeVethLoss: boolean;
  readonly deployTarget: boolean;
}

/** How a cluster is reached, and what pods of ours are there. */
export interface ClusterOptions {
  readonly context?: string;
  readonly namespace?: string;
  readonly image?: string;
  readonly podTimeout?: number;
}

/** Whether it is not for the lab. */
export function isBetweenNodes(options: BetweenOptions): boolean {
  const { from, to, target, exposeVethLoss, deployTarget } = options;
  const isNamed = from !== undefined || to !== undefined || target !== undefined;
  return isNamed || exposeVethLoss || deployTarget;
}

/** What opening a node of a cluster takes. */
export function clusterSettings(options: ClusterOptions): ClusterSettings {
  const { context, namespace, image, podTimeout: startSeconds } = options;
  return { context, namespace, image, startSeconds };
}
