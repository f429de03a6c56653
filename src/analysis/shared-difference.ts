/** Convictions of several connections held against each other. */
import { difference } from '../wire/port-recovery.js';
import type { ExaminedConnection } from './examined-connection.js';
import type { PortFinding } from './outer-port.js';

/**
 * If flows with different ports show the *same* difference, the port is not what changed: some other
 * header field is. Findings that conntrack or a sibling confirms stand for themselves.
 */
export function withoutSharedDifferences(
  examined: readonly ExaminedConnection[],
): ExaminedConnection[] {
  const ports = new Map<number, Set<number>>();
  const differenceOf = ({ use, state, namedBy }: PortFinding): number | undefined =>
    state === 'stale' && namedBy.length === 0 && use.mismatch
      ? difference({ sourcePort: use.sourcePort, ...use.mismatch.outerChecksum })
      : undefined;
  for (const finding of examined.flatMap(({ ports: findings }) => findings)) {
    const value = differenceOf(finding);
    if (value === undefined) continue;
    ports.set(value, (ports.get(value) ?? new Set()).add(finding.use.sourcePort));
  }
  const enough = sharedByMoreThanChance(
    [...ports.values()].reduce((sum, set) => sum + set.size, 0),
  );
  return examined.map(connection => ({
    ...connection,
    ports: connection.ports.map(finding => {
      const shared = ports.get(differenceOf(finding) ?? -1)?.size ?? 0;
      if (shared < enough) return finding;
      return {
        ...finding,
        state: 'invalid' as const,
        before: undefined,
        rewritten: undefined,
        reason: `${shared} flows from different ports show the same difference, so the port is not what changed`,
      };
    }),
  }));
}

/** Odds that so many flows share one difference by accident, below which it is no accident. */
const ACCIDENT = 0.01;

/**
 * How many of `flows` must show one difference before it means something: among many rewritten flows,
 * whose differences are as good as random, two are the same sooner than one thinks (a birthday).
 */
export function sharedByMoreThanChance(flows: number): number {
  // C(flows, k) / 65535^(k - 1), the expected number of groups of k.
  let expected = flows;
  for (let size = 2; size <= flows; size++) {
    expected *= (flows - size + 1) / (size * 0xffff);
    if (expected < ACCIDENT) return size;
  }
  return Math.max(2, flows);
}
