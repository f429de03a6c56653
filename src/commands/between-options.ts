/** Options of `reproduce` for real nodes, apart from what they take to be carried out. */

/** What `--from` and its companions say. */
export interface BetweenOptions {
  readonly from?: string;
  readonly to?: string;
  readonly target?: string;
  readonly exposeVethLoss: boolean;
}

/** Whether it is not for the lab. */
export function isBetweenNodes({ from, to, target, exposeVethLoss }: BetweenOptions): boolean {
  return from !== undefined || to !== undefined || target !== undefined || exposeVethLoss;
}
