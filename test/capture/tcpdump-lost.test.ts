/** What tcpdump has captured and what arrived, where its output is carried by something that may lose it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { EVERYTHING } from '../../src/capture/filter.js';
import { tcpdump } from '../../src/capture/tcpdump.js';
import { startChild } from '../../src/node/child.js';
import { findCommand } from '../../src/node/find-command.js';
import type { Node } from '../../src/node/node.js';

const folder = mkdtempSync(join(tmpdir(), 'stalesum-tcpdump-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A capture file of nanoseconds, little-endian, with packets of four bytes (draft-ietf-opsawg-pcap). */
function capture(packets: number): string {
  const words = [0xa1b23c4d, 0x00040002, 0, 0, 65535, 1];
  for (let index = 0; index < packets; index++) words.push(1, index, 4, 4, 0);
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * 4);
  const path = join(folder, `${packets}.pcap`);
  writeFileSync(path, bytes);
  return path;
}

/** A tcpdump that says it has captured so many, of which so many are in its output. */
async function counts(captured: number, arrived: number, ending = 'INT') {
  const script =
    'trap \'echo "$1 packets captured" >&2; echo "0 packets dropped by kernel" >&2; exit 0\' INT\n' +
    'echo "tcpdump: listening on eth0" >&2; cat "$0"\n' +
    '[ "$2" = INT ] || exit 0\nwhile :; do sleep 0.05; done';
  const node: Node = {
    name: 'node-a',
    elsewhere: true,
    run: async () => ({ stdout: '', stderr: '', exitCode: 0 }),
    start: () =>
      startChild([findCommand('sh'), '-c', script, capture(arrived), String(captured), ending]),
  };
  const live = await tcpdump.start({
    ...{ node, interface: 'eth0', filter: EVERYTHING },
    onFrame: () => undefined,
  });
  return live.stop();
}

it('what has all arrived is whole', async () => {
  const { frames, interruption } = await counts(3, 3);
  expect({ frames, interruption }).toEqual({ frames: 3, interruption: undefined });
});

it('what did not arrive is counted', async () => {
  const { frames, interruption } = await counts(5, 3);
  expect({ frames, interruption }).toEqual({
    frames: 3,
    interruption: '2 of the 5 packets that tcpdump wrote did not arrive',
  });
});

it('a connection that was cut is no word of tcpdump', async () => {
  const { frames, interruption } = await counts(5, 3, 'cut');
  expect({ frames, interruption }).toEqual({
    frames: 3,
    interruption: 'tcpdump ended early: its connection was cut',
  });
});
