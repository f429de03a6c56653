/**
 * Captures compressed with gzip (RFC 1952), decompressed as they are read. A file cut off or damaged
 * within gives the frames before the damage, as an uncompressed one does; members one behind the
 * other (`cat a.gz b.gz`, and what rotation scripts append) are read as one stream.
 */
import { once } from 'node:events';
import type { Gunzip } from 'node:zlib';
import { messageOf, StalesumError } from '../errors.js';
import { newSha256 } from '../sha256.js';
import type { CaptureIntake } from './intake.js';
import type { ReadOptions } from './reading.js';
import type { CaptureFileSummary, Truncation } from './summary.js';

/** First bytes of a gzip member (RFC 1952 section 2.3.1). */
export const gzipMagic: readonly number[] = [0x1f, 0x8b];

/**
 * Decompressed bytes handed on at once. What is not yet handed on when damage is met is lost with it,
 * so it is little.
 */
const outputLength = 16 * 1024;

/** Whether bytes that have at least two begin a gzip member. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === gzipMagic[0] && bytes[1] === gzipMagic[1];
}

/**
 * Reads a compressed capture to its end. The summary's SHA-256 and `bytes` are those of the compressed
 * bytes, as they lie on disk; offsets of damage are those of the uncompressed capture.
 *
 * @param capture takes the uncompressed bytes; it need not hash them
 * Throws a StalesumError (`bad-input`) if not even the header of a capture file comes out, and what
 * reading throws.
 */
export async function readGzipped(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  capture: CaptureIntake,
  options: ReadOptions = {},
): Promise<CaptureFileSummary> {
  const hash = options.sha256 === false ? null : newSha256();
  const inflation = new Inflation(chunk => capture.push(chunk));
  let compressed = 0;
  for await (const chunk of chunks) {
    compressed += chunk.length;
    hash?.update(chunk);
    await inflation.write(chunk);
  }
  await inflation.end();
  const summary = endOf(capture, name, inflation.damage);
  return {
    ...summary,
    bytes: compressed,
    // What the compression lost explains a record that ends early, and not the other way round.
    truncated: inflation.damage ?? summary.truncated,
    sha256: hash?.digest('hex') ?? null,
  };
}

function endOf(
  capture: CaptureIntake,
  name: string,
  damage: Truncation | undefined,
): CaptureFileSummary {
  try {
    return capture.end();
  } catch (thrown) {
    if (!damage) throw thrown;
    throw new StalesumError('bad-input', `${name}: no capture comes out of it: ${damage.reason}`);
  }
}

/** gunzip, fed in chunks. Its output is handed on before a fault behind it is told. */
class Inflation {
  damage: Truncation | undefined;
  // Loaded here, since most captures are not compressed.
  readonly #gunzip: Gunzip = process
    .getBuiltinModule('node:zlib')
    .createGunzip({ chunkSize: outputLength });
  readonly #closed: Promise<unknown>;
  #inflated = 0;
  #thrown: { readonly what: unknown } | undefined;

  constructor(take: (chunk: Uint8Array) => void) {
    // Not `for await`: that forgets what was already decompressed as soon as an error follows.
    this.#gunzip.on('data', (chunk: Uint8Array) => {
      this.#inflated += chunk.length;
      if (this.#thrown) return;
      try {
        take(chunk);
      } catch (thrown) {
        this.#thrown = { what: thrown };
      }
    });
    this.#gunzip.on('error', thrown => {
      const reason = `gzip: ${messageOf(thrown)} after ${this.#inflated} bytes of capture`;
      this.damage = { offset: this.#inflated, reason };
    });
    this.#closed = once(this.#gunzip, 'close').catch(() => undefined);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#rethrow();
    // Behind damage, what follows is only hashed.
    if (this.damage || this.#gunzip.destroyed || this.#gunzip.write(chunk)) return;
    await Promise.race([once(this.#gunzip, 'drain').catch(() => undefined), this.#closed]);
  }

  async end(): Promise<void> {
    if (!this.#gunzip.destroyed) this.#gunzip.end();
    await this.#closed;
    this.#rethrow();
  }

  #rethrow(): void {
    if (this.#thrown) throw this.#thrown.what;
  }
}
