import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writtenSum } from '../../src/report/checksum-sum.js';
import { type Dissection, dissect } from '../../src/report/dissection.js';
import { type Bytes, naiveChecksum } from '../support/packet-builder.js';
import { type Recording, recordings } from '../support/recordings.js';
import { materialOf } from '../support/report-material.js';

const convicted = recordings.filter(({ expected }) =>
  ['stale-checksum', 'mangled-checksum'].includes(expected.verdict),
);

async function shown(...paths: string[]) {
  const { datagram } = await materialOf(...paths);
  const dissection = dissect(datagram!, datagram!.flow.outer!.destinationPort)!;
  return { datagram: datagram!, dissection, sum: writtenSum(dissection)! };
}

/** What tshark calculates for the outer header of one frame. */
function tsharkChecksum(recording: Recording, node: string, frame: number): string {
  const options = ['-o', 'udp.check_checksum:TRUE', '-T', 'fields', '-E', 'occurrence=f'];
  const filter = ['-Y', `frame.number == ${frame}`, '-d', 'udp.port==8472,vxlan'];
  const file = recording.file(node, 'underlay.pcap');
  return execFileSync(
    'tshark',
    ['-r', file, ...filter, ...options, '-e', 'udp.checksum_calculated'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  ).trim();
}

/** The words of all lines one after the other, summed by the definition. */
function sumByDefinition(sum: NonNullable<ReturnType<typeof writtenSum>>): number {
  const bytes: Bytes = sum.lines.flatMap(({ words }) =>
    words.flatMap(word => [
      Number.parseInt(word.slice(0, 2), 16),
      Number.parseInt(word.slice(2), 16),
    ]),
  );
  return naiveChecksum(bytes);
}

const hex = (value: number) => `0x${value.toString(16).padStart(4, '0')}`;

describe.each(
  convicted.map(recording => [recording.name, recording] as const),
)('%s', (_name, recording) => {
  it('has its first convicted datagram summed as the verdict says, word for word', async () => {
    const { datagram, sum } = await shown(recording.folder);
    const syn = datagram.flow.syns[datagram.syn!]!;
    expect(datagram.capture).toBe('node-b/underlay.pcap');
    expect(hex(sum.stored)).toBe(recording.expected.firstSynOuterChecksum);
    expect(hex(sum.correct)).toBe(syn.checksum?.correct);
    expect(sumByDefinition(sum)).toBe(sum.correct);
    expect(sum.lines.at(-1)?.total).toBe(sum.folds[0]);
    expect(sum.folds.at(-1)).toBe(0xffff - sum.correct);
  });

  it('has a field for every byte of it', async () => {
    const { dissection } = await shown(recording.folder);
    expectNoGaps(dissection);
    const marked = dissection.fields.filter(({ mark }) => mark === 'source-port');
    expect(marked.map(({ start, value }) => [start, value.split(' ')[0]])).toEqual([
      [34, String(recording.expected.flow.outerSourcePortAfter)],
    ]);
  });
});

function expectNoGaps({ fields, bytes }: Dissection): void {
  let at = 0;
  for (const { start, end } of fields) {
    expect(start).toBe(at);
    expect(end).toBeGreaterThan(start);
    at = end;
  }
  expect(at).toBe(bytes.length);
}

describe('the written sum', () => {
  const find = (end: string) => recordings.find(({ name }) => name.endsWith(end))!;

  it('is what tshark calculates', async () => {
    for (const end of ['5.4.33/udpcsum-fixed-port', '4.19.90/double-snat-zero-checksum']) {
      const recording = find(end);
      const { datagram, sum } = await shown(recording.folder);
      expect(hex(sum.correct)).toBe(tsharkChecksum(recording, 'node-b', datagram.number));
    }
  });

  it('counts an inner checksum that offload left open as it will be, and says so', async () => {
    const recording = find('6.18.44/udpcsum-underlay-offload-on');
    const { datagram, sum } = await shown(recording.file('node-a', 'underlay.pcap'));
    expect(sum.completed).not.toBeNull();
    const { captured, counted } = sum.completed!;
    // tshark sums the bytes as they stand; the difference of the inner field is that of the outer one.
    const asItStands = Number(tsharkChecksum(recording, 'node-a', datagram.number));
    expect((asItStands + captured - counted - sum.correct) % 0xffff).toBe(0);
    expect(captured).not.toBe(counted);
  });
});

describe('a damaged datagram', () => {
  it('is taken apart, or not, and never throws', async () => {
    const { datagram } = await materialOf(
      recordings.find(({ name }) => name.endsWith('5.4.33/udpcsum-fixed-port'))!.folder,
    );
    const changes = fc.array(
      fc.tuple(fc.nat(datagram!.bytes.length - 1), fc.integer({ min: 0, max: 255 })),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(changes, fc.nat(datagram!.bytes.length), (list, length) => {
        const bytes = datagram!.bytes.slice(0, length);
        for (const [at, value] of list) if (at < length) bytes[at] = value;
        const dissection = dissect({ ...datagram!, bytes }, 8472);
        if (!dissection) return;
        expectNoGaps(dissection);
        const sum = writtenSum(dissection);
        if (sum) expect(sum.correct).toBe(dissection.outer.correct);
      }),
      { numRuns: 2000 },
    );
  });
});
