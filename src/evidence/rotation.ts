/**
 * File names by which a capture in several files is known: what tcpdump and dumpcap make of the one
 * name they were given. Only names are looked at here; whether the files fit together is seen when
 * they are read.
 *
 *     tcpdump -C          trace.pcap  trace.pcap1  trace.pcap2
 *     tcpdump -C -W       trace.pcap0  trace.pcap1        (with leading zeros as -W needs them)
 *     tcpdump -G          whatever strftime was asked for: trace-20261122-101500.pcap
 *     dumpcap -b          trace_00001_20261122101500.pcapng, or the time first (nametimenum)
 *
 * Each may end in .gz (tcpdump -z gzip, dumpcap --compress).
 */
import { basename, dirname } from 'node:path';

/** A file's place in a set. */
export interface RotationPlace {
  /** Names the set: equal for all of its files. */
  readonly set: string;
  /** What its files are ordered by: text compares as text, since times have leading zeros. */
  readonly time: string;
  readonly count: number;
}

/** The first file of a set made with -C alone has no number. */
const NO_NUMBER = -1;

const DUMPCAP = /^(.+)_(\d{5,})_(\d{14})\.(\w+)$/;
const DUMPCAP_TIME_FIRST = /^(.+)_(\d{14})_(\d{5,})\.(\w+)$/;
const TCPDUMP = /^(.+\.(?:pcapng|pcap|cap|dmp))(\d*)$/i;
/** A date, maybe with a time, in the orders that sort; or seconds since the epoch. */
const TIME =
  /(?:19|20)\d\d([-_.]?)\d\d\1\d\d(?:[-_T. ]?\d\d([-_:.]?)\d\d(?:\2\d\d)?)?|(?<!\d)[12]\d{9}(?!\d)/;

/** The place of a file whose name could be one of a set; `undefined` for any other name. */
export function rotationPlace(path: string): RotationPlace | undefined {
  const folder = dirname(path);
  const name = basename(path).replace(/\.gz$/i, '');
  const place = (stem: string, time: string, count: number): RotationPlace => ({
    set: `${folder}/${stem}`,
    time,
    count,
  });
  const byDumpcap = DUMPCAP.exec(name);
  if (byDumpcap) {
    const [, stem = '', count, , extension = ''] = byDumpcap;
    return place(`${stem}_*.${extension}`, '', Number(count));
  }
  const timeFirst = DUMPCAP_TIME_FIRST.exec(name);
  if (timeFirst) {
    const [, stem = '', , count, extension = ''] = timeFirst;
    return place(`${stem}_*.${extension}`, '', Number(count));
  }
  const byTcpdump = TCPDUMP.exec(name);
  if (!byTcpdump) return undefined;
  const [, stem = '', digits = ''] = byTcpdump;
  const count = digits === '' ? NO_NUMBER : Number(digits);
  const time = TIME.exec(stem)?.[0];
  return place(time === undefined ? stem : stem.replace(time, '*'), time ?? '', count);
}

/** Whether `a` was written before `b`, as far as their names say. */
export function comparePlaces(a: RotationPlace, b: RotationPlace): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  return a.count - b.count;
}

/** What a set is called: its first and last file, and how many they are. */
export function setName(names: readonly string[]): string {
  const [first = ''] = names;
  const last = names.at(-1) ?? first;
  return names.length < 2 ? first : `${first} to ${basename(last)} (${names.length} files)`;
}
