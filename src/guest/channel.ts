/**
 * What guest and host say to each other: the guest's second serial port carries messages outwards, each
 * a byte for its kind, its length in 4 bytes, big-endian, and so many bytes. A serial port is the one
 * way out that kernels of all distributions have without a module.
 */

const KINDS = ['hello', 'stdout', 'stderr', 'results', 'warning', 'alive', 'exit'] as const;

/**
 * `hello`: the guest stands; `uname -r`. `stdout`, `stderr`: of the command. `results`: a part of the
 * `.tar.gz` of what it wrote. `warning`: a line about the guest itself. `alive`: said every few seconds.
 * `exit`: the command's exit code, in digits, the last word.
 */
export type MessageKind = (typeof KINDS)[number];

export interface Message {
  readonly kind: MessageKind;
  readonly body: Buffer;
}

/** The guest's ports as its kernel calls them. */
export const CONSOLE_PORT = 'ttyS0';
export const CHANNEL_PORT = 'ttyS1';

/** How often the guest says that it is there. */
export const ALIVE_SECONDS = 5;

/** What the guest is to do, as a file in it. */
export const ORDER_FILE = '/order.json';
export interface GuestOrder {
  /** The command: a program and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Where it runs. */
  readonly folder: string;
  /** Files and folders that are brought back, as absolute paths, where they come into being. */
  readonly outputs: readonly string[];
  /** Modules to be loaded, in this order. */
  readonly modules: readonly string[];
}

const HEADER_BYTES = 5;
/** Nothing that is said is longer. */
const MAX_BODY_BYTES = 1 << 20;

export function messageBytes(kind: MessageKind, body: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(KINDS.indexOf(kind), 0);
  header.writeUInt32BE(body.length, 1);
  return Buffer.concat([header, body]);
}

/** Puts messages together from what arrives in pieces of any size. */
export class MessageReader {
  #held: Buffer = Buffer.alloc(0);

  /** The messages that these bytes complete. @throws RangeError for what can be no message */
  read(bytes: Uint8Array): Message[] {
    this.#held = Buffer.concat([this.#held, bytes]);
    const messages: Message[] = [];
    while (this.#held.length >= HEADER_BYTES) {
      const kind = KINDS[this.#held.readUInt8(0)];
      const length = this.#held.readUInt32BE(1);
      if (kind === undefined || length > MAX_BODY_BYTES) {
        throw new RangeError('what arrives from the guest is garbled');
      }
      const end = HEADER_BYTES + length;
      if (this.#held.length < end) break;
      messages.push({ kind, body: this.#held.subarray(HEADER_BYTES, end) });
      this.#held = this.#held.subarray(end);
    }
    return messages;
  }
}
