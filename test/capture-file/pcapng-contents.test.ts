/** What a file tells of its interfaces, and limits on what is kept of it. */

import { describe, expect, test } from 'vitest';
import { sectionHeaderBlock } from '../../src/capture-file/pcapng-writer.js';
import { concatenated, fixture, read } from './support.js';

describe('interfaces', () => {
  // As capinfos shows them; the counters are those that dumpcap printed when it ended.
  test.each([
    'dumpcap.pcapng',
    'dumpcap-big-endian.pcapng',
  ])('as dumpcap describes them: %s', name => {
    expect(read(fixture(name)).summary.interfaces).toEqual([
      {
        linkType: 1,
        snapLength: 96,
        name: 'lo',
        description: 'Loopback',
        filter: 'udp and host 127.0.0.8',
        os: 'Linux 6.18.44-fc-v782',
        received: 4,
        kernelDrops: 0,
      },
    ]);
  });

  test('merged by mergecap, of two link types', () => {
    const { frames, summary } = read(fixture('merged.pcapng'));
    expect(summary.interfaces.map(({ linkType }) => linkType)).toEqual([1, 276, 1]);
    expect(new Set(frames.map(({ interfaceIndex }) => interfaceIndex))).toEqual(new Set([2, 0, 1]));
  });

  test('are counted over all sections, of either byte order', () => {
    const { frames, summary } = read(fixture('two-orders.pcapng'));
    expect(summary.interfaces.map(({ name }) => name)).toEqual(['left', 'right-a', 'right-b']);
    expect(frames.map(({ interfaceIndex }) => interfaceIndex)).toEqual([0, 0, 2, 1]);
    const sections = read(fixture('sections.pcapng'));
    expect(sections.summary.interfaces.map(({ name }) => name)).toEqual([undefined, 'lo']);
    expect(sections.frames.map(({ interfaceIndex }) => interfaceIndex)).toEqual([
      ...new Array<number>(8).fill(0),
      ...new Array<number>(4).fill(1),
    ]);
  });

  test('the last statistics hold, and both drop counts together; else the drops that packets tell', () => {
    const { summary } = read(fixture('statistics.pcapng'));
    expect(summary.interfaces).toEqual([
      { linkType: 1, snapLength: 0, name: 'a', received: 2 ** 33 + 7, kernelDrops: 4 },
      { linkType: 113, snapLength: 96, os: 'Linux', kernelDrops: 6 },
    ]);
    expect(summary.comments).toEqual([{ frame: null, text: 'the last' }]);
  });

  test('the obsolete packet block tells drops, and where it does not know them', () => {
    expect(read(fixture('obsolete-packet-block.pcapng')).summary.interfaces).toEqual([
      { linkType: 1, snapLength: 0, kernelDrops: 3 },
    ]);
  });

  test('no counters: nothing is said of drops', () => {
    for (const name of ['editcap.pcapng', 'ns.pcap'])
      expect(read(fixture(name)).summary.interfaces).toEqual([
        { linkType: 1, snapLength: 262_144 },
      ]);
  });

  test('the upper bits of the link type field of pcap are not the link type', () => {
    expect(read(fixture('fcs-linktype.pcap')).summary.interfaces).toEqual([
      { linkType: 1, snapLength: 262_144 },
    ]);
  });
});

test('frames of Simple Packet Blocks have no time, and the summary says so', () => {
  const { frames, summary } = read(fixture('simple.pcapng'));
  expect(summary.untimedFrames).toBe(5);
  expect(frames.every(({ seconds, nanoseconds }) => seconds === 0 && nanoseconds === 0)).toBe(true);
  expect(read(fixture('editcap.pcapng')).summary.untimedFrames).toBe(0);
});

test('microseconds of a million and more are carried over', () => {
  const frames = read(fixture('late-microseconds.pcap')).frames;
  // handmade.py added 0, 1000000 and 2500000 microseconds to the first three.
  expect(frames.map(({ seconds, nanoseconds }) => [seconds, nanoseconds])).toEqual([
    [1795373744, 342858000],
    [1795373746, 271046000],
    [1795373747, 771068000],
    [1795373745, 367143000],
    [1795373745, 367321000],
  ]);
});

describe('comments', () => {
  test('of the file, as editcap writes them', () => {
    expect(read(fixture('comments.pcapng')).summary.comments).toEqual([
      { frame: null, text: 'about the file' },
      { frame: 1, text: 'first frame, double SNAT' },
      { frame: 3, text: 'zweiter, ä' },
    ]);
  });

  test('are kept up to a thousand, and up to a mebibyte; the others are counted', () => {
    const section = (comment: string) => sectionHeaderBlock({ application: 'test', comment });
    const short = new Array<Uint8Array>(1001).fill(section('x'));
    const many = read(concatenated(...short)).summary;
    expect(many.comments).toHaveLength(1000);
    expect(many.commentsLeftOut).toBe(1);
    const long = new Array<Uint8Array>(20).fill(section('y'.repeat(65_535)));
    const much = read(concatenated(...long)).summary;
    expect(much.comments).toHaveLength(16);
    expect(much.commentsLeftOut).toBe(4);
  });
});
