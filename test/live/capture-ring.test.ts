import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import type { CaptureStatistics } from '../../src/capture/engine.js';
import { type Frame, runScript, script } from '../capture/live/run.js';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../capture/support.js';
import { runLab } from '../lab/run.js';
import { describeLive } from './require-live.js';

describeLive('stopping the ring', () => {
  let told: {
    rounds: { first: number; count: number; seen: number[][] }[];
    idle: { milliseconds: number; statistics: CaptureStatistics }[];
    stoppedTwice: boolean;
  };
  beforeAll(async () => {
    told = await runScript('stop');
  });

  it('hands on everything that was sent before, fifty times out of fifty', () => {
    expect(told.rounds).toHaveLength(50);
    for (const { first, count, seen } of told.rounds) {
      const sent = Array.from({ length: count }, (_, index) => first + index);
      expect(seen).toEqual([sent, sent]);
    }
  });

  it('is prompt on an idle link', () => {
    for (const { milliseconds, statistics } of told.idle) {
      expect(milliseconds).toBeLessThan(1000);
      expect(statistics).toEqual({
        linkType: LINKTYPE_ETHERNET,
        frames: 0,
        kernelDrops: 0,
        freezes: 0,
      });
    }
  });

  it('twice is the same as once', () => {
    expect(told.stoppedTwice).toBe(true);
  });

  it.each([
    ['exit', 7],
    ['throw', 1],
    ['stop', 8],
  ])('is not what a process waits for to end: %s', async (how, code) => {
    const run = await runLab('unpatched', [process.execPath, script('exit'), how]);
    expect(run.outcome).toBe(code);
  });
});

describeLive('a ring that is too small', () => {
  it('counts each frame that it lost, and goes on', async () => {
    const told = await runScript<{
      burst: number;
      counts: CaptureStatistics;
      afterBurst: number[];
      later: number[];
      statistics: CaptureStatistics;
    }>('overrun');
    const { burst, counts, afterBurst, later, statistics } = told;
    expect(counts.kernelDrops).toBeGreaterThan(0);
    expect(counts.freezes).toBeGreaterThan(0);
    expect(counts.frames + counts.kernelDrops).toBe(burst);
    expect(afterBurst).toEqual(Array.from({ length: counts.frames }, (_, index) => index));
    expect(later).toEqual([10_000, 10_001, 10_002, 10_003, 10_004]);
    expect(statistics.kernelDrops).toBe(counts.kernelDrops);
    expect(statistics.frames).toBe(counts.frames + later.length);
  });
});

interface Fault {
  readonly kind: string;
  readonly message: string;
  readonly remedy?: string;
}

describeLive('interfaces', () => {
  let told: {
    refused: Record<string, Fault>;
    stillHere: boolean;
    wentDown: { beforeStop: number; statistics: CaptureStatistics };
    wentAway: { milliseconds: number; statistics: CaptureStatistics[] };
    loopback: { frames: Frame[]; statistics: CaptureStatistics }[];
    threw: Fault;
    keptAfterwards: { length: number; sum: number };
    tun: {
      unavailable?: string;
      packet: string;
      ended: { frames: Frame[]; statistics: CaptureStatistics }[];
      otherKind: Fault;
    };
  };
  beforeAll(async () => {
    told = await runScript('interfaces');
  });

  it('that are not there are named, beside those that are', () => {
    const { wrongName, wrongNameTcpdump, tooLong, empty } = told.refused;
    expect(wrongName).toEqual({
      kind: 'usage',
      message: 'left/eth9: there is no interface "eth9"',
      remedy: 'interfaces: lo, l0',
    });
    expect(wrongNameTcpdump).toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('eth9'),
    });
    for (const fault of [tooLong, empty]) {
      expect(fault).toMatchObject({
        kind: 'usage',
        message: expect.stringContaining('cannot be the name of an interface'),
      });
    }
  });

  it('of namespaces that are none are refused, and we stay where we were', () => {
    expect(told.refused.noNamespace).toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('/run/netns/none'),
    });
    expect(told.refused.notANamespace).toMatchObject({
      message: expect.stringContaining('entering the network namespace: invalid argument (EINVAL)'),
    });
    expect(told.stillHere).toBe(true);
  });

  it('that are down are refused', () => {
    expect(told.refused.down).toEqual({
      kind: 'usage',
      message: 'left/lo: the interface is down',
      remedy: 'ip link set dev lo up',
    });
  });

  it('that go down and up again go on, and the gap is told', () => {
    const { beforeStop, statistics } = told.wentDown;
    expect(beforeStop).toBe(2);
    expect(statistics).toMatchObject({
      frames: 2,
      kernelDrops: 0,
      interruption: 'the interface r0 went down',
    });
  });

  it('that go away leave what was captured, and it is told', () => {
    const [gone, tcpdump, other] = told.wentAway.statistics;
    expect(gone).toMatchObject({ frames: 1, interruption: 'the interface r0 went away' });
    // The link goes at once: a tcpdump that was not yet scheduled has not read the frame, and says nothing of it.
    expect(tcpdump!.frames).toBeLessThanOrEqual(1);
    expect(tcpdump!.interruption).toMatch(/^tcpdump ended early: The interface /);
    expect(other).toMatchObject({ frames: 1, interruption: 'the interface l0 went away' });
    expect(told.wentAway.milliseconds).toBeLessThan(2000);
  });

  it('that loop back show each packet once, as tcpdump does', () => {
    const [ring, tcpdump] = told.loopback;
    expect(ring!.frames.map(({ hex }) => hex)).toEqual(tcpdump!.frames.map(({ hex }) => hex));
    expect(ring!.frames).toEqual([expect.objectContaining({ direction: 'in', number: 1 })]);
    expect(ring!.statistics.frames).toBe(1);
  });

  it('without a link-layer header give packets; others are refused', () => {
    if (told.tun.unavailable !== undefined) {
      console.warn(`no tun device to capture on: ${told.tun.unavailable}`);
      return;
    }
    const { packet, ended, otherKind } = told.tun;
    expect(ended).toHaveLength(4);
    for (const { frames, statistics } of ended) {
      expect(frames).toEqual([expect.objectContaining({ hex: packet })]);
      expect(statistics.frames).toBe(1);
    }
    // tcpdump writes the number that Linux has for it.
    const types = ended.map(({ statistics }) => statistics.linkType);
    expect([types[0], types[2]]).toEqual([LINKTYPE_RAW, LINKTYPE_RAW]);
    expect(otherKind).toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('hardware type 801'),
      remedy: 'capture with --engine tcpdump',
    });
  });

  it('hand on what a visitor throws, when they are stopped', () => {
    expect(told.threw).toMatchObject({ message: 'the visitor has had enough' });
  });

  it('leave zeros to a visitor that kept what it was lent', () => {
    expect(told.keptAfterwards.length).toBeGreaterThan(40);
    expect(told.keptAfterwards.sum).toBe(0);
  });
});

describe('an ordinary user', () => {
  // Root without any right is one; everybody else is one as it is.
  const isRoot = process.getuid?.() === 0;
  const rights = [
    '--bounding-set=-all',
    '--inh-caps=-all',
    '--ambient-caps=-all',
    '--no-new-privs',
  ];
  const [file, ...args] = [
    ...(isRoot ? ['setpriv', ...rights] : []),
    process.execPath,
    script('without-rights'),
    '/proc/1/ns/net',
  ];

  it('is told what capturing takes, and gets tcpdump', () => {
    const run = spawnSync(file as string, args, { encoding: 'utf8' });
    expect(run.stderr).toBe('');
    const told = JSON.parse(run.stdout);
    const forbidden = {
      kind: 'not-permitted',
      message: expect.stringMatching(/opening a packet socket: operation not permitted \(EPERM\)$/),
      remedy: expect.stringContaining('CAP_NET_RAW'),
    };
    expect(told.started).toEqual(forbidden);
    expect(told.chosen).toEqual(forbidden);
    expect(told.elsewhere).toMatchObject({ kind: 'not-permitted' });
    expect(told.auto).toEqual({
      engine: 'tcpdump',
      note: expect.stringMatching(/^capturing with tcpdump: here: .*EPERM/),
    });
  });
});
