/**
 * `stalesum redact`: a copy of a bundle in which addresses and names are replaced and nothing else is
 * changed. It is made beside its place, searched, judged again, and put in its place only then.
 */
import { chmod, mkdir, rename, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { analyze } from '../../analysis/analyze.js';
import { DEFAULT_EXIT_POLICY } from '../../analysis/exit-code.js';
import type { VerdictDocument } from '../../analysis/verdict.js';
import { messageOf, StalesumError } from '../../errors.js';
import { withBundle } from '../bundle.js';
import { type BundlePlace, makePlace } from '../bundle-place.js';
import { examineSources, readInput } from '../examine.js';
import { withRule } from '../name-rule.js';
import { makePrivateFolder, removePrivateFolder } from '../private-folder.js';
import { RUN_FILE, readRunFile, tunnelPortsOf } from '../run-record.js';
import { withSources } from '../sources.js';
import { SUMS_FILE } from '../sums.js';
import { AddressMap } from './address-map.js';
import { redactCapture } from './capture.js';
import { addressKeys, keyedHash, type RedactionKey } from './key.js';
import { NameMap } from './names.js';
import { redactTextOf } from './node-text.js';
import type { FrameRedaction } from './packet.js';
import { planRedaction, type RedactionPlan } from './plan.js';
import { portRewrites } from './port-rewrites.js';
import { redactRun } from './run-text.js';
import { verdictDifferences } from './same-verdict.js';
import { searchCopy } from './search.js';
import { type Replacing, redactAddresses, redactText } from './text.js';

/** What became of a bundle. */
export interface Redaction {
  /** Of the original, and of the copy. */
  readonly verdict: VerdictDocument;
  readonly replaced: { readonly ips: number; readonly macs: number; readonly names: number };
  readonly captures: number;
  readonly frames: number;
  /** Frames that carry nothing which is decoded; in the copy they are zeros. */
  readonly notUnderstood: number;
  /** Files that are not in the copy, since nobody can say what is in them. Their own names, not the copy's. */
  readonly leftOut: readonly string[];
}

export interface RedactOptions {
  readonly place: BundlePlace;
  readonly key: RedactionKey;
  /** Writes the verdict, the reports and the sums beside the copy's captures; gives their names. */
  finish(copy: { readonly folder: string; readonly verdict: VerdictDocument }): Promise<string[]>;
}

/** For whoever opens the copy. */
const NOTE_FILE = 'REDACTED.txt';

const EXAMINE = { tunnelPorts: [], policy: DEFAULT_EXIT_POLICY };

/**
 * Makes the copy.
 *
 * @throws StalesumError `bad-input` for what cannot be read; `write-failed` if it cannot be written, and also
 *   if the copy would give something away or be judged otherwise: then nothing is delivered
 */
export async function redactBundle(bundle: string, options: RedactOptions): Promise<Redaction> {
  const { place } = options;
  // Whether it can be made; until the copy is whole there is nothing at its place.
  await makePlace(place);
  await rmdir(place.folder);
  const work = makePrivateFolder(dirname(resolve(place.folder)));
  try {
    const redaction = await withBundle(bundle, ({ folder }) => makeCopy(folder, work, options));
    await deliver(work, place);
    return redaction;
  } finally {
    removePrivateFolder(work);
  }
}

async function makeCopy(
  folder: string,
  copy: string,
  { key, finish }: RedactOptions,
): Promise<Redaction> {
  const plan = await planRedaction(folder);
  const by: Replacing = {
    addresses: new AddressMap(addressKeys(key)),
    names: new NameMap(keyedHash(key, 'names')),
  };
  const original = await withSources([folder], async sources => {
    const { input, folders } = await readInput(sources, EXAMINE.tunnelPorts);
    return { input, verdict: await withRule(analyze(input, EXAMINE.policy), folders) };
  });
  const found = original.input.captures.flatMap(({ observation }) => observation.foundTunnelPorts);
  const frames: FrameRedaction = {
    addresses: by.addresses,
    tunnelPorts: new Set([...tunnelPortsOf(await readRunFile(folder)), ...found]),
    hashPayload: keyedHash(key, 'payload'),
    portRewrite: portRewrites(original.input, by.addresses),
  };
  const counts = await copyCaptures(plan, folder, copy, frames, by);
  await copyTexts(plan, copy, by);
  const verdict = await withSources([copy], sources => examineSources(sources, EXAMINE));
  refuseIfOther(original.verdict, verdict, folder, copy, by);
  await writeNote(copy);
  const made = await finish({ folder: copy, verdict: withoutFolder(verdict, copy) });
  await refuseIfLeft(copy, frames, by, made);
  const { addresses, names } = by;
  return {
    verdict,
    replaced: {
      ips: [...addresses.replacements('ip')].length,
      macs: [...addresses.replacements('mac')].length,
      names: names.replacements.size,
    },
    captures: plan.captures.length,
    ...counts,
    leftOut: plan.leftOut,
  };
}

async function copyCaptures(
  plan: RedactionPlan,
  folder: string,
  copy: string,
  redaction: FrameRedaction,
  by: Replacing,
): Promise<{ frames: number; notUnderstood: number }> {
  let frames = 0;
  let notUnderstood = 0;
  for (const { name } of plan.captures) {
    const target = await placeIn(copy, redactText(name, by));
    const result = await redactCapture(join(folder, name), target, redaction, text =>
      redactText(text, by),
    );
    frames += result.frames;
    notUnderstood += result.notUnderstood;
  }
  return { frames, notUnderstood };
}

async function copyTexts(
  { texts, run }: RedactionPlan,
  copy: string,
  by: Replacing,
): Promise<void> {
  // Once to learn all addresses: some spellings are known for one only to whoever knows it.
  for (const { kind, text } of texts) redactTextOf(kind, text, by);
  for (const { name, kind, text } of texts) {
    await save(await placeIn(copy, redactText(name, by)), redactTextOf(kind, text, by));
  }
  if (run !== undefined) await save(join(copy, RUN_FILE), await redactRun(run, by));
}

/** Path of a file in the copy; its folders are made. */
async function placeIn(copy: string, name: string): Promise<string> {
  const path = join(copy, name);
  await mkdir(dirname(path), { recursive: true }).catch(thrown => {
    throw new StalesumError('write-failed', `${dirname(path)}: ${messageOf(thrown)}`);
  });
  return path;
}

async function save(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx' }).catch(thrown => {
    throw new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
  });
}

function writeNote(copy: string): Promise<void> {
  return save(
    join(copy, NOTE_FILE),
    'This is a redacted copy. IP and MAC addresses and names stand for others, each for the same one\n' +
      'everywhere, networks for networks. Ports, times, lengths, flags and counts are as they were; payload\n' +
      'is zeros. Each checksum is as right or as wrong as it was, by the same difference, but its value is\n' +
      'another. The verdict was found to be the same. What is kept, and what can be told from it:\n' +
      'docs/redact.md of stalesum.\n',
  );
}

function refuseIfOther(
  original: VerdictDocument,
  verdict: VerdictDocument,
  folder: string,
  copy: string,
  by: Replacing,
): void {
  const places = verdictDifferences(withoutFolder(original, folder), withoutFolder(verdict, copy), {
    address: text => redactAddresses(text, by),
    name: text => redactText(text, by),
  });
  if (places.length === 0) return;
  throw new StalesumError(
    'write-failed',
    `not delivered: the copy is not judged as the original is (${places.join(', ')})`,
    'A replacement may fit a checksum by chance: try another key.',
  );
}

/** Loose captures are called by their path. */
function withoutFolder(verdict: VerdictDocument, folder: string): VerdictDocument {
  const text = JSON.stringify(verdict);
  return JSON.parse(
    text.replaceAll(`${JSON.stringify(folder).slice(1, -1)}/`, ''),
  ) as VerdictDocument;
}

async function refuseIfLeft(
  folder: string,
  { tunnelPorts }: FrameRedaction,
  by: Replacing,
  made: readonly string[],
): Promise<void> {
  const madeAnew = new Set([NOTE_FILE, SUMS_FILE, ...made]);
  const { services } = by.names;
  const left = await searchCopy({ folder, madeAnew, tunnelPorts, by, services });
  if (left.length === 0) return;
  throw new StalesumError(
    'write-failed',
    `not delivered: something original is left in the copy: ${left.slice(0, 5).join('; ')}`,
    'This is a fault of stalesum: please report it, without the names.',
  );
}

/** Puts the copy in its place. */
async function deliver(work: string, { path, folder, archive }: BundlePlace): Promise<void> {
  if (archive !== undefined) {
    const { packFolder } = await import('../archive-write.js');
    await packFolder(work, archive, basename(folder).replace(/\.partial$/, ''));
    return;
  }
  try {
    await chmod(work, 0o777 & ~process.umask());
    await rename(work, folder);
  } catch (thrown) {
    throw new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
  }
}

/** Whether a path is in a folder. */
export function isWithin(path: string, folder: string): boolean {
  const way = relative(resolve(folder), resolve(path));
  return way.split(sep)[0] !== '..';
}
