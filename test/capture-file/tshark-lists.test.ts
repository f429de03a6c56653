/** Files of tcpdump, dumpcap, editcap, mergecap, text2pcap and by hand, against tshark's reading. */

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fixture, fixturesFolder, type KeptFrame, read } from './support.js';

/** Wireshark's encapsulation numbers. */
const linkTypes: Readonly<Record<string, number>> = { '1': 1, '25': 113, '210': 276 };
const directions: Readonly<Record<string, KeptFrame['direction']>> = {
  '0x00000001': 'in',
  '0x00000002': 'out',
};
/** Where tshark counts interfaces within the section, and we over the file. */
const severalSections = ['sections.pcapng', 'two-orders.pcapng'];
/** tshark shows no direction of pcap files; these say PACKET_OUTGOING and PACKET_HOST. */
const modified: Readonly<Record<string, KeptFrame['direction']>> = {
  'modified-outgoing.pcap': 'out',
  'modified-big-endian.pcap': 'in',
};
/** Damaged on purpose. */
const damaged: Readonly<Record<string, RegExp>> = {
  'cut.pcapng': /^Enhanced Packet Block at byte \d+ \(after frame 3\) says 156 bytes, 50 are left$/,
  'bad-trailer.pcapng':
    /^Enhanced Packet Block at byte \d+ \(after frame 3\) says 156 bytes at its begin and 1 at its end$/,
  'bad-interface.pcapng':
    /^Enhanced Packet Block at byte \d+ \(after frame 3\) names interface 7, its section has 1$/,
};

const names = readdirSync(fixturesFolder)
  .filter(name => /\.pcap(ng)?\.txt$/.test(name))
  .map(name => name.replace(/\.txt$/, ''));

interface Expected {
  frames: KeptFrame[];
  comments: { frame: number | null; text: string }[];
}

function expectedOf(name: string): Expected {
  const frames: KeptFrame[] = [];
  const comments: Expected['comments'] = [];
  for (const line of readFileSync(new URL(`${name}.txt`, fixturesFolder), 'utf8').split('\n')) {
    const [number, time, captured, length, md5, encapsulation, id, , flags, comment] =
      line.split('|');
    // A block without a packet, which Wireshark numbers all the same.
    if (number === undefined || encapsulation === undefined || encapsulation === '') continue;
    const [seconds, nanoseconds] = time === '' ? ['0', '0'] : time!.split('.');
    frames.push({
      number: Number(number),
      seconds: Number(seconds),
      nanoseconds: Number(nanoseconds),
      capturedLength: Number(captured),
      originalLength: Number(length),
      md5: md5!,
      linkType: linkTypes[encapsulation]!,
      interfaceIndex: id === '' ? 0 : Number(id),
      direction: modified[name] ?? directions[flags!] ?? 'unknown',
    });
    if (comment) comments.push({ frame: Number(number), text: comment });
  }
  return { frames, comments };
}

test('there are lists to compare with', () => {
  expect(names.length).toBeGreaterThan(25);
});

describe.each(names)('%s', name => {
  const bytes = fixture(name);
  const expected = expectedOf(name);
  const { frames, summary } = read(bytes);

  test('has the frames that tshark reads', () => {
    const indexed = severalSections.includes(name)
      ? frames.map((frame, i) => ({
          ...frame,
          interfaceIndex: expected.frames[i]!.interfaceIndex,
        }))
      : frames;
    expect(indexed).toEqual(expected.frames);
    expect(summary.frames).toBe(expected.frames.length);
  });

  test('has the comments that tshark reads', () => {
    expect(summary.comments.filter(({ frame }) => frame !== null)).toEqual(expected.comments);
  });

  test('is whole, or damaged where it was made so', () => {
    const reason = damaged[name];
    if (reason === undefined) expect(summary.truncated).toBeNull();
    else expect(summary.truncated?.reason).toMatch(reason);
    expect(summary.bytes).toBe(bytes.length);
    expect(summary.format).toBe(name.endsWith('ng') ? 'pcapng' : 'pcap');
  });
});
