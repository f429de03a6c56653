import { beforeAll, expect, it } from 'vitest';
import {
  essence,
  expectPortsOfConntrack,
  harness,
  inLab,
  type Left,
  NOTHING,
  type Result,
  verdictOf,
} from '../harness/live.js';
import { describeLive } from './require-live.js';

interface Told {
  readonly hidden: Result;
  readonly exposed: Result;
  readonly exposedDns: Result;
  readonly asBefore: boolean;
  readonly ends: readonly {
    readonly signal: NodeJS.Signals;
    readonly outcome: number | string;
    readonly left: Left;
    readonly asBefore: boolean;
  }[];
}

describeLive('veth links, as kind has them', () => {
  let told: Told;
  beforeAll(async () => {
    const onWire = ['nsenter', '--net=/run/netns/wire', '--'];
    const script = [process.execPath, harness('live/veth.mjs')];
    told = await inLab<Told>('veth-offload-on', [...onWire, ...script]);
  }, 300_000);

  it('hide the loss, and that is said; the fault is proved all the same', () => {
    expect(essence(told.hidden)).toMatchObject({
      ...{ verdict: 'stale-checksum', grade: 'proved' },
      syns: [{ delivered: true, state: 'stale' }],
    });
    expect(verdictOf(told.hidden).warnings).toContainEqual(
      expect.stringMatching(
        /^node-b\/eth0 is a veth link with tx checksum offload on, as in kind: /,
      ),
    );
    expectPortsOfConntrack(told.hidden);
  });

  it('show it with --expose-veth-loss, for TCP and for DNS', () => {
    expect(essence(told.exposed).syns).toEqual([
      { delivered: false, state: 'stale' },
      { delivered: true, state: 'valid' },
    ]);
    expect(essence(told.exposedDns).syns).toEqual(
      Array.from({ length: 3 }, () => ({ delivered: false, state: 'stale' })),
    );
    for (const result of [told.exposed, told.exposedDns]) {
      expect(verdictOf(result).warnings).toEqual([
        'tx checksum offload of b was off during the run (--expose-veth-loss)',
      ]);
      expectPortsOfConntrack(result);
    }
  });

  it('have their offload as before afterwards', () => {
    expect(told.asBefore).toBe(true);
  });

  it('have it so, too, when the run was interrupted or killed', () => {
    expect(told.ends.map(({ outcome }) => outcome)).toEqual([
      ...[130, 130, 130, 130],
      ...['SIGKILL', 'SIGKILL'],
    ]);
    for (const { left, asBefore } of told.ends) {
      expect({ left, asBefore }).toEqual({ left: NOTHING, asBefore: true });
    }
  });
});
