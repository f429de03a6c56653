/** `stalesum watch` on links of its own, and on the lab's bug. */
import { spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import type { VerdictDocument } from '../../src/analysis/verdict.js';
import type { FindingEvent, WatchEvent, WatchTotals } from '../../src/watch/events.js';
import { PROJECT, runLab } from '../lab/run.js';
import { stalesum } from '../support/cli.js';
import { schemaFaults } from '../support/schemas.js';
import { promtool, withoutPromtool } from '../watch/promtool.js';
import { describeLive } from './require-live.js';

/** Runs a script on node A of a lab; what it printed. */
async function runScript<T>(name: string, scenario = 'unpatched'): Promise<T> {
  const file = `${PROJECT}test/watch/live/${name}.mjs`;
  const run = await runLab(scenario, [process.execPath, file]);
  expect({ ...run, stdout: '' }).toMatchObject({
    outcome: 0,
    stderr: expect.stringMatching(/^lab /),
  });
  return JSON.parse(run.stdout) as T;
}

type Ended = WatchTotals & { readonly event: 'ended' };
const endOf = (events: readonly WatchEvent[]) => events.at(-1) as Ended;
const findingsOf = (events: readonly WatchEvent[]) =>
  events.filter((event): event is FindingEvent => 'checksum' in event);
const expectSchema = (events: readonly WatchEvent[]) => {
  for (const event of events) expect(schemaFaults('watch-1.json', event)).toEqual([]);
};

/** As scripts/bench/tunnel-frames.mjs makes them: every hundredth of a thousand. */
const STALE = Array.from({ length: 10 }, (_, flow) => 100 * flow + 99);

describeLive('two busy interfaces', () => {
  const packets = 100_000;
  let told: {
    sent: number[];
    afterZero: Record<string, number>;
    afterStale: Record<string, number>;
    page: string;
    events: WatchEvent[];
    outcome: number;
    stderr: string;
    counted: { frames: number; bad: number; dropped: number };
    files: string[];
    verdict: { status: number; verdict: string; grade: string; flows: number; captures: number };
    killed: { outcome: string; verdict: string; flows: number };
  };
  beforeAll(async () => {
    told = await runScript('counts');
  });
  const sample = (name: string, device: string, more = '') =>
    `stalesum_${name}{interface="${device}"${more}}`;

  it('cost nothing while no datagram has a checksum', () => {
    expect(told.sent).toEqual([packets, packets, packets, packets]);
    for (const device of ['l0', 'l1']) {
      expect(told.afterZero[sample('examined_datagrams_total', device)]).toBe(0);
      expect(told.afterZero[sample('kernel_drops_total', device)]).toBe(0);
      expect(told.afterZero[sample('interface_up', device)]).toBe(1);
    }
  });

  it('give every stale datagram among them, exactly', () => {
    const { counted, afterStale, events } = told;
    // tcpdump and tshark on the one of them, beside.
    expect(counted).toEqual({ frames: packets / 100, bad: packets / 100, dropped: 0 });
    for (const device of ['l0', 'l1']) {
      const direction = ',direction="out"';
      expect(afterStale[sample('stale_datagrams_total', device, direction)]).toBe(counted.bad);
      expect(afterStale[sample('examined_datagrams_total', device)]).toBe(counted.bad);
      expect(afterStale[sample('kernel_drops_total', device)]).toBe(0);
    }
    expect(endOf(events)).toMatchObject({
      event: 'ended',
      interfaces: ['l0', 'l1'].map(name => ({
        interface: name,
        up: true,
        examined: counted.bad,
        stale: counted.bad,
        kernelDrops: 0,
        interruptions: 0,
      })),
      flows: { stale: 2 * STALE.length, mangled: 0, other: 0, retractions: 0, evicted: 0 },
      evidence: { frames: 2 * STALE.length * 16 },
      linesDropped: 0,
    });
  });

  it('tell each flow once, with the port that the sender rewrote', () => {
    for (const device of ['l0', 'l1']) {
      const findings = findingsOf(told.events).filter(event => event.interface === device);
      expect(
        findings.map(({ event, inner, outer }) => [
          event,
          inner?.source,
          outer.sourcePortBefore,
          outer.sourcePortAfter,
        ]),
      ).toEqual(
        STALE.map(index => [
          'stale',
          `10.244.0.0:${10000 + index}`,
          40000 + index,
          2000 + 7 * index,
        ]),
      );
      const flows = told.events.filter(
        event => event.event === 'flow' && event.interface === device,
      );
      expect(flows).toHaveLength(STALE.length);
      for (const flow of flows) expect(flow).toMatchObject({ datagrams: packets / 1000 });
    }
    expectSchema(told.events);
  });

  it('leave evidence that analyze convicts by, also of a watch that was killed', () => {
    expect(told.files).toHaveLength(2);
    expect(told.verdict).toEqual({
      status: 1,
      verdict: 'stale-checksum',
      grade: 'supported',
      flows: STALE.length,
      captures: 2,
    });
    expect(told.killed).toMatchObject({ outcome: 'SIGKILL', verdict: 'stale-checksum', flows: 1 });
  });

  it('end with 0, and nothing else was said', () => {
    expect([told.outcome, told.stderr]).toEqual([0, '']);
  });

  it.skipIf(promtool === undefined)(`give metrics for promtool ${withoutPromtool}`, () => {
    const { status, stdout, stderr } = spawnSync(promtool as string, ['check', 'metrics'], {
      input: told.page,
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

describe.each([
  ['unpatched', 'stale'],
  ['ipv6-underlay', 'stale'],
  ['emulated-pre-5.7', 'mangled'],
] as const)('the bug in the lab: %s', (scenario, kind) => {
  describeLive('on the sender', () => {
    let told: {
      interfaces: string[];
      events: WatchEvent[];
      outcome: number;
      stderr: string;
      conntrack: string;
      captured: VerdictDocument;
      evidence: VerdictDocument;
    };
    beforeAll(async () => {
      told = await runScript('bug', scenario);
    });
    /** What is said of each wrong SYN; ports before and after, and the checksum as it is and as it should be. */
    const wrongSyns = ({ flows }: VerdictDocument) =>
      flows
        .flatMap(({ inner, syns }) =>
          syns
            .filter(({ checksum }) => checksum?.state === kind)
            .map(({ outerSourcePort, recoveredPort, checksum }) => [
              inner.source,
              kind === 'stale' ? recoveredPort : null,
              outerSourcePort,
              checksum?.stored,
              checksum?.correct,
            ]),
        )
        .map(facts => facts.join(' '))
        .sort();

    it('is seen on the interface of the default route, SYN by SYN as the verdict has it', () => {
      expect(told.interfaces).toEqual(['eth0']);
      const findings = findingsOf(told.events);
      expect(findings).toHaveLength(3);
      const seen = findings.map(({ inner, outer, checksum }) =>
        [
          inner?.source,
          outer.sourcePortBefore,
          outer.sourcePortAfter,
          checksum.stored,
          checksum.correct,
        ].join(' '),
      );
      expect(seen.sort()).toEqual(wrongSyns(told.captured));
      expect(told.captured.verdict).toBe(`${kind}-checksum`);
      for (const finding of findings) {
        expect(finding).toMatchObject({ event: kind, direction: 'out', reason: null });
      }
      const counts = { stale: 0, mangled: 0, other: 0 };
      expect(endOf(told.events).interfaces[0]).toMatchObject({
        ...counts,
        [kind]: told.captured.flows.reduce((sum, { datagrams }) => sum + datagrams[kind], 0),
      });
      expectSchema(told.events);
    });

    it('has the ports that conntrack has', () => {
      const rewritten = [...told.conntrack.matchAll(/ sport=(\d+) dport=8472 .* dport=(\d+) /g)]
        .filter(([, before, after]) => before !== after)
        .map(([, before, after]) => (kind === 'stale' ? `${before} ${after}` : after));
      const seen = findingsOf(told.events).map(({ outer }) =>
        kind === 'stale'
          ? `${outer.sourcePortBefore} ${outer.sourcePortAfter}`
          : String(outer.sourcePortAfter),
      );
      expect(seen.sort()).toEqual(rewritten.sort());
    });

    it('is the verdict of what was kept', () => {
      expect(told.evidence).toMatchObject({ verdict: `${kind}-checksum`, grade: 'supported' });
      expect(wrongSyns(told.evidence)).toEqual(wrongSyns(told.captured));
    });
  });
});

describeLive('megabytes through the tunnel, with offload', () => {
  it('are verified on both ends, and nothing is found', async () => {
    const told = await runScript<{
      bytes: number;
      received: number;
      events: WatchEvent[][];
      outcomes: number[];
    }>('bulk');
    expect(told.received).toBe(told.bytes);
    expect(told.outcomes).toEqual([0, 0]);
    for (const events of told.events) {
      expect(events.map(({ event }) => event)).toEqual(['started', 'ended']);
      const [totals] = endOf(events).interfaces;
      // Each datagram carries 64 KiB at most.
      expect(totals!.examined).toBeGreaterThan((2 * told.bytes) / 65536);
      expect(totals).toMatchObject({ fine: totals!.examined, kernelDrops: 0 });
    }
  });
});

describeLive('a link full of right checksums', () => {
  let told: {
    sent: number;
    asked: { events: WatchEvent[]; outcome: number };
    noticed: WatchEvent;
    relaxed: WatchEvent;
    auto: { events: WatchEvent[]; outcome: number };
  };
  beforeAll(async () => {
    told = await runScript('sampled');
  });

  it('is sampled as asked, but for what begins a connection', () => {
    const { sent, asked } = told;
    const [totals] = endOf(asked.events).interfaces;
    expect(totals).toMatchObject({ stale: sent / 100, kernelDrops: 0 });
    // 49,500 datagrams of which one in ten is taken: 4950, and 66 for a standard deviation.
    expect(Math.abs(totals!.fine - 4950)).toBeLessThan(8 * 66);
    expect(totals!.passedOver).toBe(9 * totals!.fine);
    expect(findingsOf(asked.events)).toHaveLength(STALE.length);
  });

  it('is sampled by itself when it is too much, and no longer when it is not', () => {
    const { auto, noticed, relaxed, sent } = told;
    expect(noticed).toMatchObject({ event: 'sampling', interface: 'l0', first: 1 });
    expect((noticed as { other: number }).other).toBeGreaterThan(1);
    expect(relaxed).toMatchObject({ first: 1, other: 1 });
    const [totals] = endOf(auto.events).interfaces;
    expect(totals).toMatchObject({ stale: sent / 100, other: 0, mangled: 0 });
    expect(findingsOf(auto.events)).toHaveLength(STALE.length);
    expectSchema(auto.events);
  });
});

describeLive('interfaces that come and go', () => {
  interface End {
    readonly during: number;
    readonly after: number;
    readonly outcome: number | string;
    readonly stderr: string;
    readonly last: string;
    readonly left: string[];
  }
  let told: {
    down: WatchEvent;
    up: WatchEvent;
    afterDown: WatchEvent;
    gone: WatchEvent;
    back: WatchEvent;
    ups: number[];
    ended: { outcome: number; last: Ended };
    ends: Record<'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGKILL', End>;
    before: number;
  };
  beforeAll(async () => {
    told = await runScript('interfaces');
  });

  it('are waited for, and that is said', () => {
    const { down, up, afterDown, gone, back, ups, ended } = told;
    expect(down).toMatchObject({ up: false, reason: 'the interface r0 went down; waiting for it' });
    // One that is deleted goes down first.
    const reason = expect.stringMatching(/^the interface r0 went (away|down); waiting for it$/);
    expect(gone).toMatchObject({ up: false, reason });
    expect([up, back]).toMatchObject([{ up: true }, { up: true }]);
    expect(ups).toEqual([1, 0, 1]);
    expect(afterDown).toMatchObject({ event: 'stale', direction: 'in' });
    expect(ended).toMatchObject({
      outcome: 0,
      last: {
        interfaces: [{ interface: 'r0', stale: 20, interruptions: 2 }],
        flows: { stale: 10 },
      },
    });
    expectSchema([down, up, afterDown, gone, back]);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('are given back after %s', signal => {
    expect(told.ends[signal]).toEqual({
      during: told.before + 2,
      after: told.before,
      outcome: 0,
      stderr: '',
      last: 'ended',
      left: [],
    });
  });

  it('are given back by the kernel after kill -9', () => {
    expect(told.ends.SIGKILL).toMatchObject({
      during: told.before + 2,
      after: told.before,
      outcome: 'SIGKILL',
      left: [],
    });
  });
});

describeLive('with CAP_NET_RAW and no other right', () => {
  const rights = ['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all,+net_raw'];
  const isRoot = process.getuid?.() === 0;

  it('a watch begins, as the pods of the DaemonSet do', async () => {
    const up = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
    const user = isRoot ? [] : ['--user', '--map-root-user'];
    const prefix = ['unshare', ...user, '--net', ...up, 'setpriv', ...rights, '--no-new-privs'];
    const args = ['watch', 'lo', '--json', '--metrics', '0', '--duration', '0.2'];
    const run = await stalesum(args, { prefix });
    expect(run).toMatchObject({ outcome: 0, stderr: '' });
    const events = run.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(events.map(({ event }) => event)).toEqual(['started', 'ended']);
  });
});

describe('a watch that cannot begin', () => {
  const isRoot = process.getuid?.() === 0;
  const rights = ['--bounding-set=-all', '--inh-caps=-all', '--ambient-caps=-all'];
  const prefix = isRoot ? ['setpriv', ...rights, '--no-new-privs'] : [];

  it('says what it takes', async () => {
    expect(await stalesum(['watch', 'lo'], { prefix })).toEqual({
      outcome: 77,
      stdout: '',
      stderr: expect.stringMatching(
        /^stalesum: local\/lo: opening a packet socket: .*EPERM.*\n.*CAP_NET_RAW/,
      ),
    });
  });

  it.each([
    [['--node', 'ssh:root@host', 'eth0'], 64, /runs on the machine whose interfaces it watches/],
    [['--node', 'netns:no-such', 'eth0'], 64, /no-such.*cannot be opened/],
    [['any'], 64, /would be counted on each/],
    [['--duration', '2147484', 'lo'], 64, /expected at most 2000000 seconds/],
    [['--sample', '0', 'lo'], 64, /expected auto/],
    [['--metrics', 'x', 'lo'], 64, /expected a port/],
    [['--evidence-size', '0', 'lo'], 64, /expected a whole number of megabytes/],
    [['--evidence', '/proc/none', 'lo'], 74, /\/proc\/none/],
  ])('says why: %j', async (args, outcome, words) => {
    const run = await stalesum(['watch', ...args]);
    expect(run).toMatchObject({ outcome, stdout: '' });
    expect(run.stderr).toMatch(words);
    expect(run.stderr.split('\n').length).toBeLessThan(5);
  });
});
