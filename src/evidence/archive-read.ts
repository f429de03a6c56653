/**
 * Reads a bundle's archive (tar, compressed with gzip or not) into a folder. Archives come from
 * anywhere, so nothing in one is trusted: only plain files and folders are taken, only under the folder,
 * and only so much of them.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline, Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { createTarDecoder, type ParsedTarEntry } from 'modern-tar';
import { openingFault } from '../capture-file/file.js';
import { isGzip } from '../capture-file/gzip.js';
import { messageOf, StalesumError } from '../errors.js';
import { printable } from '../output.js';

export interface ArchiveLimits {
  /** Bytes of one file, and of the whole archive once decompressed. */
  readonly file: number;
  readonly total: number;
  readonly entries: number;
}

/** A bundle has some thirty small files and a few captures; deflate makes a thousand bytes of one. */
export const ARCHIVE_LIMITS: ArchiveLimits = { file: 2 ** 31, total: 2 ** 32, entries: 10_000 };

const DEEPEST = 8;
const LONGEST_NAME = 1000;

/** How far the reading has come, for messages. */
interface Position {
  /** Bytes of the archive, and of the tar within. */
  read: number;
  unpacked: number;
}

/**
 * Unpacks the archive into an empty folder.
 *
 * @throws StalesumError `bad-input` for what is no archive, is cut off or damaged (with the offset), holds
 *   anything but plain files and folders, names one outside of the folder or twice, or is larger than the
 *   limits; `write-failed` if the folder cannot take it
 */
export async function unpackArchive(
  path: string,
  folder: string,
  limits: ArchiveLimits = ARCHIVE_LIMITS,
): Promise<void> {
  const position: Position = { read: 0, unpacked: 0 };
  const complain = (reason: string) => new StalesumError('bad-input', `${path}: ${reason}`);
  try {
    const entries = tarEntries(await bytesOf(path, position), position, limits);
    let count = 0;
    for await (const entry of entries) {
      count++;
      if (count > limits.entries) throw complain(`more than ${limits.entries} entries`);
      await takeEntry(entry, folder, limits, complain);
    }
    if (count === 0) throw complain('expected an archive of a bundle, it is empty');
  } catch (thrown) {
    if (thrown instanceof StalesumError) throw thrown;
    throw complain(faultText(thrown, position));
  }
}

/** The archive's bytes, counted. */
async function bytesOf(
  path: string,
  position: Position,
): Promise<{ gzip: boolean; from: Readable }> {
  const magic = new Uint8Array(2);
  const file = await open(path).catch(thrown => {
    throw openingFault(path, thrown);
  });
  try {
    if (!(await file.stat()).isFile()) {
      throw new StalesumError('bad-input', `${path}: expected an archive, it is no plain file`);
    }
    await file.read(magic, 0, magic.length, 0);
  } finally {
    await file.close();
  }
  const from = createReadStream(path, { highWaterMark: 1 << 18 });
  from.on('data', chunk => {
    position.read += chunk.length;
  });
  from.pause();
  return { gzip: isGzip(magic), from };
}

function tarEntries(
  { gzip, from }: { gzip: boolean; from: Readable },
  position: Position,
  limits: ArchiveLimits,
): AsyncIterable<ParsedTarEntry> {
  const bound = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      position.unpacked += chunk.length;
      if (position.unpacked > limits.total) {
        done(new TooLarge(`more than ${limits.total} bytes once unpacked`));
      } else done(null, chunk);
    },
  });
  // Faults reach the reader of the last stream.
  const passOn = () => undefined;
  if (gzip) pipeline(from, createGunzip(), bound, passOn);
  else pipeline(from, bound, passOn);
  const bytes = Readable.toWeb(bound) as ReadableStream<Uint8Array>;
  return bytes.pipeThrough(
    createTarDecoder({ strict: true }),
  ) as unknown as AsyncIterable<ParsedTarEntry>;
}

class TooLarge extends Error {}

async function takeEntry(
  { header, body }: ParsedTarEntry,
  folder: string,
  limits: ArchiveLimits,
  complain: (reason: string) => StalesumError,
): Promise<void> {
  const named = printable(JSON.stringify(header.name.slice(0, LONGEST_NAME)));
  const segments = safeSegments(header.name);
  if (!segments) throw complain(`names ${named}, which is no place in a bundle`);
  if (header.type !== 'file' && header.type !== 'directory') {
    throw complain(`${named} is a ${header.type}: expected plain files and folders alone`);
  }
  if (header.size > limits.file) {
    throw complain(`${named} has ${header.size} bytes: the limit is ${limits.file}`);
  }
  const path = join(folder, ...segments);
  if (header.type === 'directory') {
    await body.cancel();
    await mkdir(path, { recursive: true, mode: 0o700 }).catch(thrown => {
      throw placeFault(thrown, path, named, complain);
    });
    return;
  }
  if (segments.length === 0) throw complain(`names ${named}, which is no place in a bundle`);
  await writeEntry(body, path, thrown => placeFault(thrown, path, named, complain));
}

async function writeEntry(
  body: ReadableStream<Uint8Array>,
  path: string,
  fault: (thrown: unknown) => StalesumError,
): Promise<void> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    file = await open(path, 'wx', 0o600);
  } catch (thrown) {
    throw fault(thrown);
  }
  try {
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
      try {
        await file.writeFile(chunk);
      } catch (thrown) {
        throw fault(thrown);
      }
    }
  } finally {
    await file.close();
  }
}

/** A name that is taken is the archive's fault; anything else is the disk's. */
function placeFault(
  thrown: unknown,
  path: string,
  named: string,
  complain: (reason: string) => StalesumError,
): StalesumError {
  const code = (thrown as NodeJS.ErrnoException).code;
  if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR') {
    return complain(`holds ${named} twice`);
  }
  return new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
}

/** The folders and the name of an entry; `undefined` for one that would lie elsewhere, or nowhere. */
function safeSegments(name: string): string[] | undefined {
  if (name.startsWith('/') || name.length > LONGEST_NAME) return undefined;
  const segments = name.split('/').filter(segment => segment !== '' && segment !== '.');
  // Neither up, nor anything that only another system, or a terminal, would understand.
  const isUnsafe = segments.some(
    segment => segment === '..' || /[\\\p{Cc}]/u.test(segment) || segment.length > 255,
  );
  return isUnsafe || segments.length > DEEPEST ? undefined : segments;
}

function faultText(thrown: unknown, { read, unpacked }: Position): string {
  const at = `at byte ${read} of the archive (${unpacked} unpacked)`;
  if (thrown instanceof TooLarge) return `${thrown.message}: read no further ${at}`;
  // From Node 22 on a stream of the web wraps what happened, without a word of its own.
  const text = messageOf(thrown) || messageOf((thrown as Error).cause);
  if (/unexpected end of file|truncated/i.test(text)) return `cut off ${at}`;
  if (/header checksum|tar header|tar number/i.test(text)) {
    return `expected a tar archive, found none ${at}`;
  }
  return `damaged ${at}: ${text}`;
}
