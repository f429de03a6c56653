/** The recordings of real kernels in captures/, and what was measured beside them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const CAPTURES = fileURLToPath(new URL('../../captures', import.meta.url));

/** `expected.json`: measured by the client, the kernel's counters and conntrack when it was recorded. */
export interface Expected {
  readonly kernel: string;
  readonly verdict: string;
  readonly verdictFromCapturesAlone: string;
  readonly flow: { readonly outerSourcePortBefore: number; readonly outerSourcePortAfter: number };
  readonly connectSeconds: number;
  readonly connectResult: string;
  readonly synRetransmits: number;
  readonly receiverUdpInCsumErrors: number;
  readonly lossHidden: boolean;
  readonly firstSynOuterChecksum: string;
  readonly synTimesSeconds: readonly number[];
  readonly synOuterSourcePorts: readonly number[];
}

export interface Recording {
  /** `linux-5.4.33/double-snat-udpcsum`. */
  readonly name: string;
  readonly folder: string;
  readonly expected: Expected;
  /** Path of a file in it. */
  file(...parts: string[]): string;
  /** Text of a file in it. */
  text(...parts: string[]): string;
}

/** All folders with an expected.json: adding one adds its tests. */
export const recordings: readonly Recording[] = readdirSync(CAPTURES, { recursive: true })
  .map(String)
  .filter(path => path.endsWith('expected.json'))
  .map(path => join(CAPTURES, path, '..'))
  .filter(folder => existsSync(join(folder, 'node-a')))
  .sort()
  .map(folder => {
    const file = (...parts: string[]) => join(folder, ...parts);
    const text = (...parts: string[]) => readFileSync(file(...parts), 'utf8');
    const expected = JSON.parse(text('expected.json')) as Expected;
    return { name: relative(CAPTURES, folder), folder, expected, file, text };
  });

/** All pcap files of all recordings. */
export const recordedCaptures: readonly { readonly name: string; readonly path: string }[] =
  readdirSync(CAPTURES, { recursive: true })
    .map(String)
    .filter(path => path.endsWith('.pcap'))
    .sort()
    .map(name => ({ name, path: join(CAPTURES, name) }));
