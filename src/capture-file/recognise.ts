/** Which capture format a file is in, from its first bytes; and what it is instead, as far as known. */

import { StalesumError } from '../errors.js';
import { pcapByteOrder } from './pcap.js';
import { blockType } from './pcapng-format.js';
import type { CaptureFormat } from './summary.js';

/** Bytes that `recogniseFormat` looks at. */
export const magicLength = 4;

/**
 * The format of a file that begins with the bytes at `at` (`magicLength` of them). Throws a
 * StalesumError of kind `bad-input` if it is neither pcap nor pcapng.
 */
export function recogniseFormat(name: string, view: DataView, at: number): CaptureFormat {
  if (pcapByteOrder(view, at) !== undefined) return 'pcap';
  if (view.getUint32(at) === blockType.sectionHeader) return 'pcapng';
  const found = view.getUint32(at).toString(16).padStart(8, '0');
  throw new StalesumError(
    'bad-input',
    `${name}: expected a pcap or pcapng header at byte 0, found the bytes ${found}`,
    remedyFor(found, view, at),
  );
}

/** Beginnings (in hex) of what people hand over instead. */
const otherFormats: readonly (readonly [string, string])[] = [
  ['1f8b', 'It is compressed with gzip: decompress it with gunzip.'],
  ['28b52ffd', 'It is compressed with zstd: decompress it with unzstd.'],
  ['fd377a58', 'It is compressed with xz: decompress it with unxz.'],
  ['425a68', 'It is compressed with bzip2: decompress it with bunzip2.'],
  ['04224d18', 'It is compressed with lz4: decompress it with unlz4.'],
  ['504b0304', 'It is a zip archive: unpack it with unzip.'],
  ['736e6f6f', 'It is a snoop capture: convert it with `editcap -F pcapng IN OUT`.'],
  ['474d4255', 'It is a Network Monitor capture: convert it with `editcap -F pcapng IN OUT`.'],
  // pcapng begins with 0a0d0d0a in order to show this.
  [
    '0d0a0d0d',
    'It is a pcapng file that went through a terminal, which turned each 0a into 0d0a: leave out `-t` (docker exec, kubectl exec, ssh).',
  ],
];

function remedyFor(found: string, view: DataView, at: number): string {
  for (const [beginning, remedy] of otherFormats) if (found.startsWith(beginning)) return remedy;
  if (looksLikeText(view, at))
    return 'It looks like text, such as what tcpdump prints: save the packets themselves with `tcpdump -w FILE`, and in a pipe leave out `2>&1`.';
  return 'Save packets with `tcpdump -w FILE` or `dumpcap`, or convert other formats with `editcap -F pcapng IN OUT`.';
}

function looksLikeText(view: DataView, at: number): boolean {
  for (let i = at; i < at + magicLength; i++) {
    const byte = view.getUint8(i);
    const printable = (byte >= 0x20 && byte < 0x7f) || byte === 0x09 || byte === 0x0a;
    if (!printable && byte !== 0x0d) return false;
  }
  return true;
}
