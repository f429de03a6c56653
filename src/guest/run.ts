/**
 * Runs a command line of stalesum under another kernel: in a virtual machine made of this system's files
 * and that kernel. Its output, its exit code and the files that it writes come out as if it ran here.
 */
import { freemem } from 'node:os';
import { resolve } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { exitCodeOfFault, StalesumError } from '../errors.js';
import { TERMINAL_VARIABLE } from '../guest-environment.js';
import { searchPath } from '../node/find-command.js';
import { printable, writeResult } from '../output.js';
import { builtFile } from '../package-root.js';
import { type Progress, progressOn } from '../terminal/progress.js';
import { bootGuest, type Guest, type GuestEnd } from './boot.js';
import type { Message } from './channel.js';
import { placeResults } from './guest-results.js';
import { makeInitramfs } from './initramfs.js';
import { type KernelImage, readKernelImage } from './kernel-image.js';
import { labModules, modulesFolder } from './modules.js';
import { findQemu, mayUseKvm } from './qemu.js';

export interface KernelRun {
  /** A bzImage. */
  readonly image: string;
  /** Its /lib/modules/VERSION, where it is not beside the image. */
  readonly modules: string | undefined;
  /** The command line to run there: `reproduce`, `--scenario`, `unpatched`. */
  readonly args: readonly string[];
  /** Files and folders that it writes, to be brought back to where they are named here. */
  readonly outputs: readonly string[];
  readonly quiet: boolean;
  /** Each lab takes some 150 MiB beside the 500 of the guest itself. Default 2048. */
  readonly memoryMebibytes?: number;
}

const DEFAULT_MEMORY_MEBIBYTES = 2048;
const LEAST_MEMORY_MEBIBYTES = 1024;
/** What a recording packs to is a thousand times smaller. Bytes. */
const MAX_RESULTS = 512 << 20;

/**
 * @returns The command's exit code; 130 if the user interrupted.
 * @throws StalesumError `bad-input` for an image or modules that are none, `missing-tool` without qemu or
 *   if the kernel does not come up or lacks what the lab needs, `write-failed`
 */
export async function runOnKernel(run: KernelRun): Promise<number> {
  const image = readKernelImage(run.image);
  const qemu = findQemu();
  const progress = progressOn(process.stderr, run.quiet);
  const show = (text: string) => progress.show(`kernel   Linux ${image.release}: ${text}`);
  show('making its file system');
  const outputs = run.outputs.map(path => resolve(path));
  const initramfs = makeInitramfs(guestOrder(run.args, outputs), modulesOf(image, run.modules));
  try {
    const memoryMebibytes = affordable(run.memoryMebibytes ?? DEFAULT_MEMORY_MEBIBYTES);
    const guest: Guest = { qemu, image, initramfs, memoryMebibytes };
    const passOn = new PassOn(progress, run.quiet);
    const end = await boot(guest, passOn, show);
    if (end.kind !== 'done') return exitCodeOfFault.interrupted;
    await passOn.written;
    if (outputs.length > 0) await placeResults(passOn.results, outputs);
    return end.exitCode;
  } finally {
    progress.clear();
    initramfs.close();
  }
}

/** qemu takes memory only as the guest uses it, but what is not there it must not be promised. */
function affordable(mebibytes: number): number {
  const free = Math.floor(freemem() / (1 << 20));
  return Math.max(LEAST_MEMORY_MEBIBYTES, Math.min(mebibytes, free));
}

/** The command line without `--name VALUE` and `--name=VALUE`. */
export function withoutOptions(args: readonly string[], names: readonly string[]): string[] {
  return args.filter((arg, index) => {
    const isValue = index > 0 && names.includes(args[index - 1] as string);
    const [name = ''] = arg.split('=');
    return !isValue && !names.includes(name);
  });
}

function guestOrder(args: readonly string[], outputs: readonly string[]) {
  const { NO_COLOR, STALESUM_TRACE, TZ } = process.env;
  const colors = process.stdout.isTTY && !NO_COLOR ? '1' : process.env.FORCE_COLOR;
  const terminal = process.stderr.isTTY ? '1' : undefined;
  const known = {
    ...{ NO_COLOR, STALESUM_TRACE, TZ, FORCE_COLOR: colors, [TERMINAL_VARIABLE]: terminal },
    ...{ PATH: searchPath(), HOME: '/root' },
  };
  const environment = Object.fromEntries(
    Object.entries(known).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  );
  const command = [process.execPath, builtFile('cli.js'), ...args];
  return { command, environment, folder: process.cwd(), outputs };
}

function modulesOf(image: KernelImage, given: string | undefined) {
  const folder = modulesFolder(image, given);
  return folder === undefined ? [] : labModules(folder, image.release);
}

/** With the processor's help where that works; where it does not, nothing else is different but time. */
async function boot(guest: Guest, passOn: PassOn, show: (text: string) => void): Promise<GuestEnd> {
  const listenFor = (how: string) => ({
    booting: (seconds: number, line: string) =>
      show(`booting in qemu, ${how}, ${seconds} s  ${printable(line)}`),
    message: (message: Message) => {
      if (message.kind === 'hello') show(`running in qemu, ${how}`);
      passOn.message(message);
    },
  });
  if (mayUseKvm()) {
    const end = await bootGuest(guest, 'kvm', listenFor('with KVM'));
    if (end.kind !== 'never-began') return end;
  }
  const end = await bootGuest(guest, 'tcg', listenFor('without KVM'));
  if (end.kind === 'never-began') throw new StalesumError('internal', 'qemu did not begin');
  return end;
}

/** Hands on what the guest's command says. */
class PassOn {
  readonly results: Buffer[] = [];
  /** Settles when all of standard output is written. */
  written: Promise<void> = Promise.resolve();
  #resultBytes = 0;
  readonly #stdout = new StringDecoder('utf8');
  readonly #progress: Progress;
  readonly #quiet: boolean;

  constructor(progress: Progress, quiet: boolean) {
    this.#progress = progress;
    this.#quiet = quiet;
  }

  message({ kind, body }: Message): void {
    switch (kind) {
      case 'stdout': {
        const text = this.#stdout.write(body);
        this.written = this.written.then(() => {
          this.#progress.clear();
          return writeResult(text);
        });
        // It is waited for at the end.
        this.written.catch(() => undefined);
        return;
      }
      case 'stderr':
        this.#progress.clear();
        process.stderr.write(body);
        return;
      case 'results':
        this.#resultBytes += body.length;
        if (this.#resultBytes > MAX_RESULTS) throw new RangeError('the guest wrote too much');
        this.results.push(body);
        return;
      case 'warning':
        if (this.#quiet) return;
        this.#progress.clear();
        process.stderr.write(`stalesum: in the guest: ${printable(body.toString())}\n`);
        return;
      case 'hello':
      case 'alive':
      case 'exit':
        return;
    }
  }
}
