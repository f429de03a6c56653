import { beforeAll, describe, expect, it } from 'vitest';
import { type Measured, measure, portOf } from '../lab/measure.js';
import { describeLive } from './require-live.js';

const DUE = [0, 1, 3, 7, 15, 31, 63];

describeLive('the classic timing of retransmits', () => {
  let free: Measured;
  let pinned: Measured;
  beforeAll(async () => {
    [free, pinned] = await Promise.all([
      measure('unpatched', { seconds: 80 }, { classic: true }),
      measure('unpatched', { seconds: 80 }, { pinned: true, control: true }),
    ]);
  });

  describe.each([
    ['with txrehash=0', () => free],
    ['with one source port, after a control connection whose flow was forgotten', () => pinned],
  ] as const)('%s', (_, shown) => {
    it('has SYNs at 0, 1, 3, 7, 15, 31 and 63 s, by the timestamps of the capture', () => {
      const syns = shown().arrived.filter(({ flags }) => flags === 'S');
      const [first] = syns;
      const seconds = syns.map(({ at }) => at - first!.at);
      expect(seconds).toHaveLength(DUE.length);
      for (const [index, due] of DUE.entries()) {
        expect(Math.abs(seconds[index]! - due)).toBeLessThanOrEqual(0.05 * due);
      }
    });

    it('has six of them wrong, all from one rewritten port, and the seventh right', () => {
      const { arrived, bindings, grown } = shown();
      const [{ before, after } = { before: 0, after: 0 }] = bindings;
      expect(after).not.toBe(before);
      expect(arrived.slice(0, 6).map(({ sourcePort }) => sourcePort)).toEqual(Array(6).fill(after));
      expect(arrived.slice(0, 6).map(portOf)).toEqual(Array(6).fill(before));
      expect(arrived[6]).toMatchObject({ sourcePort: before, checksum: { state: 'ok' } });
      expect(grown('node-b UdpInCsumErrors')).toBe(6);
      expect(shown().connections[0]!.result).toBe('connected');
    });

    it('has conntrack forget the entry before the seventh, which makes another', () => {
      const { bindings, arrived } = shown();
      expect(bindings.map(({ event }) => event)).toEqual(['NEW', 'DESTROY', 'NEW']);
      const [, ended, next] = bindings;
      expect(next!.after).toBe(next!.before);
      // Its 30 s are over two seconds ahead of that SYN; conntrack's collector may come by in between.
      expect(ended!.at - arrived[5]!.at).toBeGreaterThan(29.9);
      expect(ended!.at).toBeLessThanOrEqual(next!.at);
      expect(Math.abs(next!.at - arrived[6]!.at)).toBeLessThan(1);
    });
  });

  it('is had by settings, or by one outer port', () => {
    expect(free.settings).toMatchObject({ 'core/txrehash': '0' });
    expect(free.settings['ipv4/tcp_syn_linear_timeouts']).toBe('0');
    expect(pinned.settings).toMatchObject({ 'core/txrehash': '1' });
    expect(pinned.bindings[0]!.before).toBe(50_000);
  });
});
