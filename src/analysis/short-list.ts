/**
 * Lists that mostly have no item or one. An empty array that is pushed to takes room for seventeen, which
 * for a list a flow is most of what a flow takes.
 */

/** The list of no items: the same for all. */
export const NONE: readonly never[] = Object.freeze([]);

/** The list with one more item. The list that was given must not be used any more. */
export function withItem<T>(list: readonly T[], item: T): readonly T[] {
  if (list.length === 0) return [item];
  (list as T[]).push(item);
  return list;
}
