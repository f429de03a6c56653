/**
 * What the paths on a command line stand for: capture files, and folders of a recording with
 * captures and snapshots side by side,
 * unpacked or as an archive.
 *
 *     <recording>/run.json                   what the probe did, if it is a run of our own
 *     <recording>/node-<name>/               overlay.pcap*, underlay.pcap*, tap.pcap*, snapshot files
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Layer, Side } from '../analysis/input.js';
import { openingFault } from '../capture-file/file.js';
import { StalesumError } from '../errors.js';
import { isArchiveName, verified, withBundle } from './bundle.js';
import { RUN_FILE } from './run-record.js';

export interface CaptureSource {
  /** Path to read; `-` is standard input. */
  readonly path: string;
  /** How reports call it. */
  readonly name: string;
  /** The files of a rotated set, in the order of capture; `path` is the first of them. */
  readonly files?: readonly { readonly path: string; readonly name: string }[];
  readonly node: string | undefined;
  readonly layer: Layer | undefined;
  readonly side: Side | undefined;
}

export interface Sources {
  readonly captures: readonly CaptureSource[];
  /** Folders of nodes, whose snapshot files are read. */
  readonly nodes: readonly { readonly folder: string; readonly node: string }[];
  /** Folder that may hold a run record. */
  readonly recording: string | undefined;
  /** What is to be said of the sources themselves, one line each. */
  readonly warnings: readonly string[];
}

/** Folders are looked into so far down. */
const FOLDER_DEPTH = 2;
const CAPTURE_FILE = /\.(pcap|pcapng|cap|dmp|ntar)\d*(\.gz)?$/i;
const NODE_CAPTURE = /^(overlay|underlay|tap)[^/]*\.(pcap|pcapng)\d*(\.gz)?$/;

/**
 * Expands the paths and hands the sources on. Archives are unpacked for as long as that takes.
 *
 * @throws StalesumError `bad-input` for a path that is not there, holds nothing, or holds a bundle that was
 *   altered
 */
export async function withSources<T>(
  paths: readonly string[],
  use: (sources: Sources) => Promise<T>,
): Promise<T> {
  const next = async (index: number, before: readonly Sources[]): Promise<T> => {
    const path = paths[index];
    if (path === undefined) return use(joined(before));
    if (!(await isArchive(path))) return next(index + 1, [...before, await expand(path)]);
    return withBundle(path, async ({ folder }) => {
      const found = namedAs(path, folder, await expandFolder(folder));
      return next(index + 1, [...before, found]);
    });
  };
  return next(0, []);
}

async function isArchive(path: string): Promise<boolean> {
  return isArchiveName(path) && !(await isDirectory(path));
}

/** What lies in an archive is called by the archive's name, and not by that of its private copy. */
function namedAs(path: string, folder: string, sources: Sources): Sources {
  const named = (text: string) => text.replaceAll(folder, path);
  return {
    ...sources,
    captures: sources.captures.map(capture => ({ ...capture, name: named(capture.name) })),
    warnings: sources.warnings.map(named),
  };
}

function joined(parts: readonly Sources[]): Sources {
  return {
    captures: parts.flatMap(({ captures }) => captures),
    nodes: parts.flatMap(({ nodes }) => nodes),
    recording: parts.find(({ recording }) => recording !== undefined)?.recording,
    warnings: parts.flatMap(({ warnings }) => warnings),
  };
}

async function expand(path: string): Promise<Sources> {
  if (path === '-') return single({ ...unnamed(path), name: 'stdin' });
  return (await isDirectory(path)) ? expandFolder(path) : single(looseFile(path));
}

function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    found => found.isDirectory(),
    thrown => {
      throw openingFault(path, thrown);
    },
  );
}

function single(capture: CaptureSource): Sources {
  return { captures: [capture], nodes: [], recording: undefined, warnings: [] };
}

/** A capture file whose role the user names. */
export function looseCapture(path: string, layer: Layer, side: Side): CaptureSource {
  return { ...(path === '-' ? { ...unnamed(path), name: 'stdin' } : looseFile(path)), layer, side };
}

/** A file on its own is known by what is in it; only its node may show in its folder's name. */
function looseFile(path: string): CaptureSource {
  const folder = basename(dirname(resolve(path)));
  const node = nodeName(folder);
  return { ...unnamed(path), name: node ? `${folder}/${basename(path)}` : path, node };
}

function unnamed(path: string): CaptureSource {
  return { path, name: path, node: undefined, layer: undefined, side: undefined };
}

async function expandFolder(folder: string, depth = 0): Promise<Sources> {
  const names = (await readdir(folder)).sort();
  const nodeFolders = names.filter(name => nodeName(name) !== undefined);
  // An interrupted run may not have come to its first capture.
  if (nodeFolders.length > 0 || names.includes(RUN_FILE)) {
    const { warnings } = await verified(folder, folder);
    const nodes = await Promise.all(nodeFolders.map(name => expandNode(join(folder, name), name)));
    return {
      captures: nodes.flatMap(({ captures }) => captures),
      nodes: nodes.flatMap(part => part.nodes),
      recording: folder,
      warnings,
    };
  }
  if (names.some(name => NODE_CAPTURE.test(name))) {
    return expandNode(folder, basename(resolve(folder)));
  }
  const files = names.filter(name => CAPTURE_FILE.test(name));
  if (files.length === 0 && depth < FOLDER_DEPTH) {
    const parts = await foldersWithCaptures(folder, depth);
    const recordings = parts.filter(({ nodes }) => nodes.length > 0);
    if (recordings.length > 1) {
      throw new StalesumError(
        'bad-input',
        `${folder}: expected one recording, found ${recordings.length}`,
        'Name the one to be analysed.',
      );
    }
    if (parts.length > 0) return joined(parts);
  }
  if (files.length === 0) {
    throw new StalesumError(
      'bad-input',
      `${folder}: expected node-<name>/ folders or capture files (.pcap, .pcapng), found neither`,
    );
  }
  return {
    captures: files.map(name => looseFile(join(folder, name))),
    nodes: [],
    recording: undefined,
    warnings: [],
  };
}

/** What the folders in a folder without captures of its own hold: one for each node or run, say. */
async function foldersWithCaptures(folder: string, depth: number): Promise<Sources[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter(entry => entry.isDirectory()).map(({ name }) => name);
  const parts = await Promise.all(
    names.sort().map(name =>
      expandFolder(join(folder, name), depth + 1).catch(thrown => {
        if (thrown instanceof StalesumError) return undefined;
        throw thrown;
      }),
    ),
  );
  return parts.filter(part => part !== undefined);
}

async function expandNode(folder: string, node: string): Promise<Sources> {
  const names = (await readdir(folder)).filter(name => NODE_CAPTURE.test(name)).sort();
  return {
    captures: names.map(name => ({
      path: join(folder, name),
      name: `${node}/${name}`,
      node,
      layer: layerNamed(name),
      side: undefined,
    })),
    nodes: [{ folder, node }],
    recording: undefined,
    warnings: [],
  };
}

function nodeName(folder: string): string | undefined {
  return /^node-[\w.-]+$/.test(folder) ? folder : undefined;
}

function layerNamed(name: string): Layer | undefined {
  const layer = /^(overlay|underlay|tap)/.exec(name)?.[1];
  return layer === 'overlay' || layer === 'underlay' || layer === 'tap' ? layer : undefined;
}
