/** What paths on a command line stand for, and what a run's own record must look like. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import { pcapHeader, pcapRecord } from '../../src/capture-file/pcap-writer.js';
import { StalesumError } from '../../src/errors.js';
import { examinePaths } from '../../src/evidence/examine.js';
import { readRunFile } from '../../src/evidence/run-record.js';
import { withSources } from '../../src/evidence/sources.js';
import { capturedFrame, type TimedFrame } from '../support/frames.js';
import { at, backwards, syn, synAck, tunnelled } from '../support/traffic.js';

const expandSources = (paths: readonly string[]) => withSources(paths, async sources => sources);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stalesum-sources-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const path = (...parts: string[]) => join(folder, ...parts);

async function put(name: string, content: string | Uint8Array = ''): Promise<string> {
  await mkdir(dirname(path(name)), { recursive: true });
  await writeFile(path(name), content);
  return path(name);
}

const pcap = (frames: readonly TimedFrame[]) =>
  Buffer.concat([
    pcapHeader({ linkType: 1 }),
    ...frames.map((frame, index) => pcapRecord(capturedFrame(frame, index + 1))),
  ]);

/** The fault that a promise ends in. */
const faultOf = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable('no fault'),
    (thrown: unknown) =>
      thrown instanceof StalesumError ? thrown : expect.unreachable(String(thrown)),
  );

describe('a folder', () => {
  test('with node-<name> folders is a recording: captures with node and layer, and snapshots', async () => {
    await put('recording/node-a/overlay.pcap');
    await put('recording/node-a/underlay.pcapng');
    await put('recording/node-b/underlay.pcap1');
    await put('recording/node-b/notes.txt');
    await put('recording/expected.json', '{}');
    const sources = await expandSources([path('recording')]);
    expect(sources.captures.map(({ name, node, layer }) => [name, node, layer])).toEqual([
      ['node-a/overlay.pcap', 'node-a', 'overlay'],
      ['node-a/underlay.pcapng', 'node-a', 'underlay'],
      ['node-b/underlay.pcap1', 'node-b', 'underlay'],
    ]);
    expect(sources.nodes.map(({ node }) => node)).toEqual(['node-a', 'node-b']);
    expect(sources.recording).toBe(path('recording'));
  });

  test('of one node is that node', async () => {
    await put('single/node-x/underlay.pcap');
    const { captures, nodes } = await expandSources([path('single/node-x')]);
    expect(captures).toMatchObject([
      { name: 'node-x/underlay.pcap', node: 'node-x', layer: 'underlay' },
    ]);
    expect(nodes).toEqual([{ folder: path('single/node-x'), node: 'node-x' }]);
  });

  test('of captures under any names is those captures, with nothing known of them', async () => {
    await put('loose/b.PCAP');
    await put('loose/a.pcapng');
    await put('loose/readme.md');
    const { captures, nodes } = await expandSources([path('loose')]);
    expect(captures.map(capture => [capture.path, capture.node, capture.layer])).toEqual([
      [path('loose/a.pcapng'), undefined, undefined],
      [path('loose/b.PCAP'), undefined, undefined],
    ]);
    expect(nodes).toEqual([]);
  });

  test('without any is bad input', async () => {
    await put('empty/readme.md');
    const fault = await faultOf(expandSources([path('empty')]));
    expect([fault.kind, fault.exitCode]).toEqual(['bad-input', 65]);
    expect(fault.message).toContain(path('empty'));
  });
});

describe('a path', () => {
  test('that is not there is bad input, and named', async () => {
    const fault = await faultOf(expandSources([path('nowhere.pcap')]));
    expect(fault.exitCode).toBe(65);
    expect(fault.message).toContain('nowhere.pcap');
  });

  test('to a file in a node’s folder tells the node, not the layer: what is in it tells that', async () => {
    const file = await put('elsewhere/node-b/overlay.pcap');
    const { captures } = await expandSources([file]);
    expect(captures).toMatchObject([
      { name: 'node-b/overlay.pcap', node: 'node-b', layer: undefined },
    ]);
  });

  test('- is standard input', async () => {
    const { captures } = await expandSources(['-']);
    expect(captures).toMatchObject([{ path: '-', name: 'stdin', node: undefined }]);
  });
});

describe('captures written and read back', () => {
  const stale = [
    at(0, tunnelled(syn(), { port: 12200, madeFor: 37881 })),
    at(1, tunnelled(syn(undefined, 2000), { port: 40002 })),
    at(1.001, backwards(synAck(undefined, 2000), { port: 51000 })),
  ];
  const examine = (...paths: string[]) =>
    examinePaths(paths, { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY });

  test('give the verdict of their frames, and their own hash and counts', async () => {
    const file = await put('written/one.pcap', pcap(stale));
    const verdict = await examine(file);
    expect([verdict.verdict, verdict.grade]).toEqual(['stale-checksum', 'supported']);
    expect(verdict.captures).toMatchObject([
      { name: file, frames: 3, linkType: 'EN10MB', truncated: null },
    ]);
  });

  test('cut off in a record keep what was whole, and never give a clean verdict', async () => {
    const bytes = pcap(stale.slice(1));
    const verdict = await examine(
      await put('written/cut.pcap', bytes.subarray(0, bytes.length - 20)),
    );
    expect([verdict.verdict, verdict.exitCode]).toEqual(['inconclusive', 65]);
    expect(verdict.captures[0]).toMatchObject({ frames: 1 });
    const guilty = pcap(stale);
    const convicted = await examine(
      await put('written/cut2.pcap', guilty.subarray(0, guilty.length - 20)),
    );
    expect([convicted.verdict, convicted.exitCode]).toEqual(['stale-checksum', 1]);
  });

  test('that are no captures are bad input', async () => {
    const fault = await faultOf(
      examine(await put('written/text.pcap', 'this is a text, and no capture')),
    );
    expect(fault.exitCode).toBe(65);
  });

  test('on another tunnel port are found if it is named', async () => {
    const moved = stale.map(({ at: seconds, bytes }) => {
      const copy = [...bytes];
      // Destination port 8472 becomes 6789 and the checksum, which covers it, follows: 8472 - 6789 = 1683.
      const checksum = (copy[40]! * 256 + copy[41]! + 1683) % 65535;
      copy.splice(36, 2, 6789 >> 8, 6789 & 0xff);
      copy.splice(40, 2, checksum >> 8, checksum & 0xff);
      return at(seconds, copy);
    });
    const file = await put('written/port.pcap', pcap(moved));
    const verdict = await examinePaths([file], {
      tunnelPorts: [6789],
      policy: DEFAULT_EXIT_POLICY,
    });
    expect([verdict.verdict, verdict.flows[0]?.outer?.sourcePortBefore]).toEqual([
      'stale-checksum',
      37881,
    ]);
  });
});

describe('run.json', () => {
  const good = {
    schema: 'stalesum.run/1',
    scenario: 'unpatched',
    title: 'kube-proxy as before',
    emulated: false,
    connections: [
      {
        purpose: 'control',
        target: '10.244.1.2:8080',
        local: '10.244.0.0:1',
        connectSeconds: 0.1,
        retransmits: 0,
        result: 'connected',
      },
    ],
    captures: [{ name: 'node-a/overlay.pcapng', interface: 'vxlan.1', kernelDrops: 0 }],
  };
  let number = 0;
  const read = async (text: string) => {
    const name = `run-${number++}`;
    await put(`${name}/run.json`, text);
    return readRunFile(path(name));
  };

  test('is read as it was written', async () => {
    expect(await read(JSON.stringify(good))).toMatchObject(good);
  });

  test('need not be there', async () => {
    await put('without/readme.md');
    expect(await readRunFile(path('without'))).toBeUndefined();
  });

  test.each([
    ['no JSON', '{'],
    ['another schema', JSON.stringify({ ...good, schema: 'stalesum.run/2' })],
    ['no object', '[]'],
    ['null', 'null'],
    ['no connections', JSON.stringify({ ...good, connections: 7 })],
    [
      'a connection of no purpose',
      JSON.stringify({ ...good, connections: [{ ...good.connections[0], purpose: 'x' }] }),
    ],
    [
      'a connection without a result',
      JSON.stringify({ ...good, connections: [{ purpose: 'control', target: 'a' }] }),
    ],
    ['no captures', JSON.stringify({ ...good, captures: null })],
  ])('that is %s is bad input, and names the file', async (_name, text) => {
    const fault = await faultOf(read(text));
    expect(fault.exitCode).toBe(65);
    expect(fault.message).toContain('run.json');
  });

  test('with values of other types than its own takes them for not known', async () => {
    const text = JSON.stringify({
      ...good,
      scenario: 5,
      title: {},
      emulated: 'yes',
      connections: [
        {
          purpose: 'target',
          target: 'a',
          result: 'b',
          local: 1,
          connectSeconds: 'x',
          retransmits: null,
        },
      ],
      captures: [{ name: 1 }],
    });
    expect(await read(text)).toMatchObject({
      schema: 'stalesum.run/1',
      scenario: null,
      title: null,
      emulated: false,
      connections: [
        {
          purpose: 'target',
          target: 'a',
          result: 'b',
          local: undefined,
          connectSeconds: undefined,
          retransmits: undefined,
        },
      ],
      captures: [],
    });
  });
});
