/**
 * The kernel: WebAssembly that runs for every packet of a large capture (assembly/). Compiled when the first
 * large capture is read. Where it is missing, or WebAssembly is switched off, everything works without.
 */
import { readFileSync } from 'node:fs';
import { builtFile } from '../package-root.js';
import type { Layout } from './layout.js';

/** What assembly/index.ts exports; numbers are addresses, unless they count. */
export interface Kernel {
  configureExamine(ports: number, seed: number): void;
  configureApply(
    ports: number,
    stats: number,
    flows: number,
    slots: number,
    flowCapacity: number,
  ): void;
  /** Makes `count` rows of the records at `index`. */
  examine(index: number, count: number, rows: number): void;
  /** Counts rows from number `from` on; the number of the first that has to be looked at, or `count`. */
  apply(index: number, rows: number, from: number, count: number): number;
  /** The same with records that nobody has examined; the first of `rows` is then that of the one it stops at. */
  examineAndApply(index: number, rows: number, from: number, count: number): number;
  /** Takes the row's flow as known; its number, or -1 where there is no room. */
  remember(row: number, states: number): number;
  forget(): void;
  /** Indexes plain records of a pcap file, see assembly/index-pcap.ts; how many. */
  indexPcap(
    start: number,
    end: number,
    index: number,
    room: number,
    linkType: number,
    fraction: number,
    before: number,
    longest: number,
  ): number;
  /** Where it stopped. */
  indexStopped(): number;
  /** The folded one's-complement sum of the big-endian words in `[start, end)`. */
  sum(start: number, end: number): number;
}

/** As much of WebAssembly as is used here: its types come with those of browsers only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => KernelModule;
  readonly Memory: new (limits: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: true;
  }) => KernelMemory;
  readonly Instance: new (
    module: KernelModule,
    imports: { readonly env: { readonly memory: KernelMemory } },
  ) => { readonly exports: unknown };
};

/** The kernel compiled; threads can be given it. */
export interface KernelModule {
  readonly compiled?: never;
}

/** Memory that threads can share; `buffer` is all of it, and stays. */
export interface KernelMemory {
  readonly buffer: SharedArrayBuffer;
}

export const PAGE_BYTES = 65_536;
/** As assembly/asconfig.json says. */
const MAXIMUM_PAGES = 4096;

/** Compiles the kernel; `undefined` where that is not possible. */
export function compileKernel(): KernelModule | undefined {
  try {
    return new WebAssembly.Module(readFileSync(builtFile('kernel.wasm')));
  } catch {
    return undefined;
  }
}

/** A memory of so many bytes, which threads can share. */
export function kernelMemory(bytes: number): KernelMemory {
  const initial = Math.ceil(bytes / PAGE_BYTES);
  return new WebAssembly.Memory({ initial, maximum: MAXIMUM_PAGES, shared: true });
}

/** A kernel that works in `memory`, laid out as `layout` says. Only the owner of the flows applies. */
export function startKernel(
  module: KernelModule,
  memory: KernelMemory,
  layout: Layout,
  seed: number,
): Kernel {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const kernel = exports as Kernel;
  kernel.configureExamine(layout.ports, seed);
  return kernel;
}
