import { describe, expect, it } from 'vitest';
import type { FlowReport } from '../../src/analysis/verdict.js';
import { entryLives } from '../../src/evidence/entry-lives.js';
import { parseConntrackEvents } from '../../src/snapshot/conntrack.js';

const START = { seconds: 1000, nanoseconds: 0 };

const flow = (ports: readonly number[]): FlowReport =>
  ({
    outer: {
      source: '10.0.0.1',
      sourceBefore: null,
      destination: '10.0.0.2',
      destinationPort: 8472,
      sourcePortAfter: ports[0],
    },
    syns: ports.map((outerSourcePort, index) => ({ outerSourcePort, atSeconds: index })),
  }) as unknown as FlowReport;

const event = (at: number, type: string, before: number, after: number, destination = '10.0.0.2') =>
  `[${at.toFixed(6)}]\t[${type}] udp      17 30 src=10.0.0.1 dst=${destination} sport=${before} dport=8472 ` +
  `[UNREPLIED] src=${destination} dst=10.0.0.1 sport=8472 dport=${after}`;

const lives = (ports: readonly number[], ...lines: string[]) =>
  entryLives(flow(ports), 'node-a', parseConntrackEvents(lines.join('\n')), START).map(
    ({ portBefore, portAfter, fromSeconds, untilSeconds }) => [
      portBefore,
      portAfter,
      fromSeconds,
      untilSeconds,
    ],
  );

describe('the life of an entry', () => {
  it('is from its NEW to its DESTROY, in seconds after the first SYN', () => {
    expect(
      lives([2298], event(1000.5, 'NEW', 50000, 2298), event(1062, 'DESTROY', 50000, 2298)),
    ).toEqual([[50000, 2298, 0.5, 62]]);
  });

  it('is open at an end that the log does not have', () => {
    expect(lives([2298], event(1000, 'NEW', 50000, 2298))).toEqual([[50000, 2298, 0, null]]);
    expect(lives([2298], event(1003, 'DESTROY', 50000, 2298))).toEqual([[50000, 2298, null, 3]]);
  });

  it('is told for each outer port of the connection, and for no other’s', () => {
    expect(
      lives(
        [2298, 41000],
        event(1000, 'NEW', 50000, 2298),
        event(1000.1, 'NEW', 51000, 2299),
        event(1000.2, 'NEW', 50000, 2298, '10.0.0.3'),
        event(1001, 'NEW', 41000, 41000),
      ),
    ).toEqual([
      [50000, 2298, 0, null],
      [41000, 41000, 1, null],
    ]);
  });

  it('is not that of an earlier connection from the same port', () => {
    expect(
      lives(
        [2298],
        event(900, 'NEW', 50000, 2298),
        event(931, 'DESTROY', 50000, 2298),
        event(1000, 'NEW', 50001, 2298),
      ),
    ).toEqual([[50001, 2298, 0, null]]);
  });
});
