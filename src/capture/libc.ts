/**
 * The system calls of the `ring` engine, through koffi: prebuilt for the common kinds of Linux, loaded
 * only by what captures. Each returns what its manual page says; `lastError` tells why one failed.
 */
import { getSystemErrorMap } from 'node:util';
import { type FaultKind, messageOf, StalesumError } from '../errors.js';

/** An address in this process's memory. */
export type Pointer = bigint | null;

export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(descriptor: number, address: Uint8Array, length: number): number;
  getsockname(descriptor: number, address: Uint8Array, length: Uint32Array): number;
  setsockopt(
    descriptor: number,
    level: number,
    option: number,
    value: Uint8Array | Uint32Array,
    length: number,
  ): number;
  getsockopt(
    descriptor: number,
    level: number,
    option: number,
    value: Uint32Array,
    length: Uint32Array,
  ): number;
  /** SO_ATTACH_FILTER, whose argument (struct sock_fprog) points to the program. */
  attachFilter(descriptor: number, program: Uint8Array, instructions: number): number;
  /** With a struct ifreq of 40 bytes. */
  ioctl(descriptor: number, request: number, argument: Uint8Array): number;
  setns(descriptor: number, kind: number): number;
  /** Undefined if it fails. */
  mmap(
    address: Pointer,
    length: number,
    protection: number,
    flags: number,
    descriptor: number,
  ): bigint | undefined;
  munmap(address: bigint, length: number): number;
  /** Without a copy. The memory must outlive the view. */
  view(address: bigint, length: number): ArrayBuffer;
  pageSize(): number;
  /** In a thread of the pool, since a packet socket takes the kernel tens of milliseconds. */
  close(descriptor: number): Promise<void>;
  /** Calls back in the event loop's poll phase while the descriptor is readable, or had an error. */
  poll(descriptor: number, onEvent: (error: boolean) => void): PollHandle;
  /** Number of the last call's error. */
  lastError(): number;
}

export interface PollHandle {
  /** Goes on after a pause, or after an error, which is one. */
  resume(): void;
  pause(): void;
  close(): void;
}

const EPERM = 1;
const EACCES = 13;
export const ENODEV = 19;
const EAFNOSUPPORT = 97;
export const ENETDOWN = 100;

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const MAP_FAILED = -1n;

let loading: Promise<Libc> | undefined;

/** @throws StalesumError `missing-tool` where koffi cannot be loaded */
export function loadLibc(): Promise<Libc> {
  loading ??= load().catch(thrown => {
    throw new StalesumError(
      'missing-tool',
      `koffi, which the ring engine needs, cannot be loaded here: ${messageOf(thrown)}`,
      'install it with npm ci, or capture with --engine tcpdump',
    );
  });
  return loading;
}

async function load(): Promise<Libc> {
  const { default: koffi } = await import('koffi');
  // The C library that Node itself is linked to, glibc or musl.
  const library = koffi.load(null);
  const program = koffi.struct({ len: 'uint16_t', filter: 'void *' });
  const attach = library.func('setsockopt', 'int', [
    'int',
    'int',
    'int',
    koffi.pointer(program),
    'uint32_t',
  ]);
  const ioctl = library.func('int ioctl(int, unsigned long, ...)');
  const mmap = library.func('void *mmap(void *, size_t, int, int, int, int64_t)');
  const close = library.func('int close(int)');
  return {
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, void *, uint32_t)'),
    getsockname: library.func('int getsockname(int, void *, void *)'),
    setsockopt: library.func('int setsockopt(int, int, int, void *, uint32_t)'),
    getsockopt: library.func('int getsockopt(int, int, int, void *, void *)'),
    setns: library.func('int setns(int, int)'),
    munmap: library.func('int munmap(void *, size_t)'),
    pageSize: library.func('int getpagesize()'),
    attachFilter: (descriptor, filter, len) => {
      const size = koffi.sizeof(program);
      return attach(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, { len, filter }, size);
    },
    ioctl: (descriptor, request, argument) => ioctl(descriptor, request, 'void *', argument),
    mmap: (address, length, protection, flags, descriptor) => {
      const mapped: bigint = mmap(address, length, protection, flags, descriptor, 0);
      return BigInt.asIntN(64, mapped) === MAP_FAILED ? undefined : mapped;
    },
    view: (address, length) => koffi.view(address, length),
    close: descriptor => new Promise(resolve => close.async(descriptor, () => resolve())),
    poll: (descriptor, onEvent) => {
      // Its first argument is the status of libuv, negative for an error (koffi's types leave it out).
      const told = (...[status]: unknown[]) => onEvent(typeof status === 'number' && status < 0);
      const handle = koffi.node.poll(descriptor, { readable: true }, told);
      return {
        resume: () => handle.start({ readable: true }, told),
        pause: () => handle.stop(),
        close: () => handle.close(),
      };
    },
    lastError: () => koffi.errno(),
  };
}

/** A failed call as a fault. `doing` says what was being done: `binding to eth0`. */
export function systemFault(libc: Libc, where: string, doing: string): StalesumError {
  const number = libc.lastError();
  const [name = `error ${number}`, words = ''] = getSystemErrorMap().get(-number) ?? [];
  const kind = FAULT_KINDS.get(number) ?? 'internal';
  return new StalesumError(
    kind,
    `${where}: ${doing}: ${words === '' ? name : `${words} (${name})`}`,
    REMEDIES[kind],
  );
}

const FAULT_KINDS: ReadonlyMap<number, FaultKind> = new Map([
  [EPERM, 'not-permitted'],
  [EACCES, 'not-permitted'],
  [EAFNOSUPPORT, 'missing-tool'],
]);

const REMEDIES: Partial<Record<FaultKind, string>> = {
  'not-permitted':
    'capturing needs root, or CAP_NET_RAW in the network namespace and CAP_SYS_ADMIN to enter it',
  'missing-tool': 'the kernel needs packet sockets: modprobe af_packet',
};
