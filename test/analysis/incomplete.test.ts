/** What keeps a verdict from being clean: dropped packets, damaged files, a control that fails. */
import { describe, expect, test } from 'vitest';
import type { ProbedConnection, RunRecord } from '../../src/analysis/input.js';
import { entryText, judge, linksText, snapshot } from '../support/analysis.js';
import { type CaptureOptions, capture, conntrackTime, type TimedFrame } from '../support/frames.js';
import {
  at,
  backwards,
  CLIENT,
  client,
  NODE_A,
  overlay,
  syn,
  synAck,
  tunnelled,
} from '../support/traffic.js';

const healthy = [
  at(0, tunnelled(syn(), { port: 40001 })),
  at(0.001, backwards(synAck(), { port: 51000 })),
];
const stale = [
  at(0, tunnelled(syn(CLIENT, 1000), { port: 12200, madeFor: 37881 })),
  at(1.01, tunnelled(syn(CLIENT, 2010), { port: 40002 })),
  at(1.011, backwards(synAck(CLIENT, 2010), { port: 51000 })),
];
const DAMAGE = { offset: 1234, reason: 'Packet Record at byte 1234 says 90 bytes, 12 are left' };

const judgeOne = (frames: readonly TimedFrame[], options: CaptureOptions) =>
  judge([capture('underlay.pcap', frames, options)]);

describe('packets that the kernel dropped', () => {
  test('make a clean verdict inconclusive, and say in which capture', () => {
    const verdict = judgeOne(healthy, { kernelDrops: 3 });
    expect(verdict.says).toBe('inconclusive none');
    expect(verdict.exitCode).toBe(2);
    expect(verdict.warnings).toContain('underlay.pcap: the kernel dropped 3 packets');
  });

  test('do not when there were none', () => {
    expect(judgeOne(healthy, { kernelDrops: 0 }).says).toBe('no-fault none');
  });

  test('do not weaken a conviction, and are named beside it', () => {
    const verdict = judgeOne(stale, { kernelDrops: 3 });
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.warnings).toContain('underlay.pcap: the kernel dropped 3 packets');
  });

  test('make "not rewritten" and "harmless" inconclusive, too', () => {
    for (const before of [40001, 37881]) {
      const events = `[${conntrackTime(0.0001)}]	    [NEW] ${entryText({ port: before }, { port: 40001 })}`;
      const links = linksText(`local ${NODE_A} dev eth0 srcport 0 0 dstport 8472 udpcsum`, [
        NODE_A,
      ]);
      const verdict = judge(
        [capture('underlay.pcap', healthy, { node: 'node-a', kernelDrops: 1 })],
        {
          snapshots: [snapshot('node-a', { events, links })],
        },
      );
      expect(verdict.says).toBe('inconclusive none');
    }
  });

  test('keep "no encapsulated packet left the node" from being said', () => {
    const verdict = judge([
      capture('node-a/overlay.pcap', [at(0, overlay(syn()))], { node: 'node-a', layer: 'overlay' }),
      capture('node-a/underlay.pcap', [], { node: 'node-a', layer: 'underlay', kernelDrops: 2 }),
    ]);
    expect(verdict.says).toBe('inconclusive none');
  });
});

describe('a file that ends early', () => {
  test('makes a clean verdict inconclusive, with exit code 65', () => {
    const verdict = judgeOne(healthy, { truncated: DAMAGE });
    expect(verdict.says).toBe('inconclusive none');
    expect(verdict.exitCode).toBe(65);
    expect(verdict.warnings.join()).toMatch(/underlay\.pcap: cut off at byte 1234/);
  });

  test('does not hide a conviction', () => {
    const verdict = judgeOne(stale, { truncated: DAMAGE });
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.exitCode).toBe(1);
  });

  test('keeps "no encapsulated packet left the node" from being said', () => {
    const verdict = judge([
      capture('node-a/overlay.pcap', [at(0, overlay(syn()))], { node: 'node-a', layer: 'overlay' }),
      capture('node-a/underlay.pcap', [], { node: 'node-a', layer: 'underlay', truncated: DAMAGE }),
    ]);
    expect(verdict.says).toBe('inconclusive none');
    expect(verdict.exitCode).toBe(65);
  });
});

describe('the control of a live run', () => {
  const controlEnds = client(50001);
  const control: ProbedConnection = {
    purpose: 'control',
    target: '10.244.1.2:8080',
    local: '10.244.0.0:50001',
    connectSeconds: 0.0004,
    retransmits: 0,
    result: 'connected',
  };
  const target: ProbedConnection = {
    purpose: 'target',
    target: '10.244.1.2:8080',
    local: '10.244.0.0:64139',
    connectSeconds: 1.011,
    retransmits: 1,
    result: 'connected',
  };
  const run = (...connections: ProbedConnection[]): RunRecord => ({
    scenario: 'unpatched',
    title: 'a test',
    emulated: false,
    connections,
  });
  const controlFrames = [
    at(-1, tunnelled(syn(controlEnds, 1), { port: 40010 })),
    at(-0.999, backwards(synAck(controlEnds, 1), { port: 51010 })),
  ];
  const links = linksText(`local ${NODE_A} dev eth0 srcport 0 0 dstport 8472 udpcsum`, [NODE_A]);
  const events = `[${conntrackTime(0.0001)}]	    [NEW] ${entryText({ port: 37881 }, { port: 12200 })}`;
  const overlayFrames = [
    at(-1, overlay(syn(controlEnds, 1), 'partial')),
    at(-0.999, overlay(synAck(controlEnds, 1))),
  ];

  function judgeRun(frames: readonly TimedFrame[], record: RunRecord, shown = overlayFrames) {
    return judge(
      [
        capture('node-a/overlay.pcapng', shown, { node: 'node-a', layer: 'overlay' }),
        capture('node-a/underlay.pcapng', frames, { node: 'node-a', layer: 'underlay' }),
      ],
      { snapshots: [snapshot('node-a', { events, links })], run: record },
    );
  }

  test('that is clean leaves a proof a proof, and is no flow of its own', () => {
    const verdict = judgeRun([...controlFrames, ...stale], run(control, target));
    expect(verdict.says).toBe('stale-checksum proved');
    expect(verdict.control).toMatchObject({
      clean: true,
      seenAt: ['node-a/overlay.pcapng', 'node-a/underlay.pcapng'],
    });
    expect(verdict.flows.map(({ inner }) => inner.source)).toEqual(['10.244.0.0:64139']);
  });

  const unclean: [string, () => ReturnType<typeof judgeRun>, () => ReturnType<typeof judgeRun>][] =
    [
      [
        'that did not connect',
        () =>
          judgeRun([...controlFrames, ...stale], run({ ...control, result: 'ETIMEDOUT' }, target)),
        () =>
          judgeRun(
            [...controlFrames, ...healthy],
            run({ ...control, result: 'ETIMEDOUT' }, target),
          ),
      ],
      [
        'that needed retransmits',
        () => judgeRun([...controlFrames, ...stale], run({ ...control, retransmits: 1 }, target)),
        () => judgeRun([...controlFrames, ...healthy], run({ ...control, retransmits: 1 }, target)),
      ],
      [
        'that no capture shows',
        () => judgeRun(stale, run(control, target), []),
        () => judgeRun(healthy, run(control, target), []),
      ],
      [
        'that one of the captures does not show',
        () => judgeRun([...controlFrames, ...stale], run(control, target), []),
        () => judgeRun([...controlFrames, ...healthy], run(control, target), []),
      ],
      [
        'whose own checksum is wrong',
        () =>
          judgeRun(
            [at(-1, tunnelled(syn(controlEnds, 1), { port: 40010, checksum: 0x4711 })), ...stale],
            run(control, target),
          ),
        () =>
          judgeRun(
            [at(-1, tunnelled(syn(controlEnds, 1), { port: 40010, checksum: 0x4711 })), ...healthy],
            run(control, target),
          ),
      ],
      [
        'whose answers have a wrong checksum',
        () =>
          judgeRun(
            [
              controlFrames[0]!,
              at(-0.9, backwards(synAck(controlEnds, 1), { port: 51010, checksum: 0x4711 })),
              ...stale,
            ],
            run(control, target),
          ),
        () =>
          judgeRun(
            [
              controlFrames[0]!,
              at(-0.9, backwards(synAck(controlEnds, 1), { port: 51010, checksum: 0x4711 })),
              ...healthy,
            ],
            run(control, target),
          ),
      ],
      [
        'that was not made',
        () => judgeRun([...controlFrames, ...stale], run(target)),
        () => judgeRun([...controlFrames, ...healthy], run(target)),
      ],
    ];

  test.each(unclean)('%s leaves nothing proved, in no flow either', (_name, guilty) => {
    const verdict = guilty();
    expect(verdict.says).toBe('stale-checksum supported');
    expect(verdict.flows.filter(({ grade }) => grade === 'proved')).toEqual([]);
    expect(verdict.warnings.some(text => text.startsWith('control: '))).toBe(true);
  });

  test.each(unclean)('%s acquits nobody, in no flow either', (_name, _guilty, innocent) => {
    const verdict = innocent();
    expect(verdict.says).toBe('inconclusive none');
    expect(verdict.exitCode).toBe(2);
    const clean = ['no-fault', 'not-rewritten', 'double-snat-harmless'];
    expect(verdict.flows.filter(flow => clean.includes(flow.verdict))).toEqual([]);
  });

  test('is not asked for where captures were made by somebody else', () => {
    const verdict = judge([capture('node-a/underlay.pcap', healthy, { node: 'node-a' })]);
    expect([verdict.says, verdict.control]).toEqual(['no-fault none', null]);
  });

  test('says so where a rule of the lab stood in for an old kernel', () => {
    const verdict = judgeRun([...controlFrames, ...stale], {
      ...run(control, target),
      emulated: true,
    });
    expect(verdict.warnings.join()).toMatch(/emulated/);
  });
});

test('a receiver that accepts wrong checksums hides the loss, and a warning says so', () => {
  const receiver = [
    at(0.0001, overlay(syn(CLIENT, 1000))),
    at(0.0002, overlay(synAck(CLIENT, 1000))),
  ];
  const verdict = judge([
    capture('node-a/overlay.pcap', [at(0, overlay(syn(CLIENT, 1000), 'partial'))], {
      node: 'node-a',
    }),
    capture('node-a/underlay.pcap', stale.slice(0, 1), { node: 'node-a' }),
    capture('node-b/underlay.pcap', stale.slice(0, 1), { node: 'node-b' }),
    capture('node-b/overlay.pcap', receiver, { node: 'node-b' }),
  ]);
  expect(verdict.says).toBe('stale-checksum supported');
  expect(verdict.flows[0]?.syns[0]?.delivered).toBe(true);
  expect(verdict.warnings.join()).toMatch(/accepted datagrams with a wrong checksum/);
  expect(verdict.summary).not.toMatch(/lost/);
});
