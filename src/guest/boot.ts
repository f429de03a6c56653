/**
 * Boots the guest once and hears it out. qemu is killed as soon as the guest has said its last word:
 * the machine has nothing to put in order, and nothing of it is on a disk.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { StalesumError } from '../errors.js';
import { INTERRUPTS } from '../lab/lifeline.js';
import { diesWithUs } from '../node/dies-with-us.js';
import { printable } from '../output.js';
import { type Message, MessageReader } from './channel.js';
import { ConsoleLog } from './console-log.js';
import type { Initramfs } from './initramfs.js';
import type { KernelImage } from './kernel-image.js';
import { type Accelerator, qemuArguments } from './qemu.js';

export interface Guest {
  readonly qemu: string;
  readonly image: KernelImage;
  readonly initramfs: Initramfs;
  readonly memoryMebibytes: number;
}

export interface GuestListener {
  /** Told every second while it boots. */
  booting(seconds: number, lastConsoleLine: string): void;
  message(message: Message): void;
}

export type GuestEnd =
  | { readonly kind: 'done'; readonly exitCode: number }
  | { readonly kind: 'interrupted' }
  /** The machine did not so much as begin to boot: this accelerator does not work here. */
  | { readonly kind: 'never-began' };

/** How long a machine is waited for. Seconds. */
export interface Patience {
  /** With kvm a kernel speaks within a second; an emulated machine on a busy host takes longer. */
  readonly firstWord: Readonly<Record<Accelerator, number>>;
  /** Since the last word of a kernel that boots. */
  readonly silentBoot: number;
  readonly boot: number;
  /** Since the last word of the guest's process 1, which speaks every five seconds. */
  readonly silentGuest: number;
}

const PATIENCE: Patience = {
  firstWord: { kvm: 6, tcg: 120 },
  silentBoot: 180,
  boot: 900,
  silentGuest: 180,
};

const CONSOLE_DESCRIPTOR = 3;
const CHANNEL_DESCRIPTOR = 4;
const INITRAMFS_DESCRIPTOR = 5;

/** @throws StalesumError `missing-tool` if the kernel panics, hangs, or does not come up */
export async function bootGuest(
  guest: Guest,
  accelerator: Accelerator,
  listener: GuestListener,
  patience = PATIENCE,
): Promise<GuestEnd> {
  const child = startQemu(guest, accelerator);
  const interrupt = watchInterrupts(child);
  const log = new ConsoleLog();
  const words = gathered(child.stderr as Readable);
  const clock = new Clock();
  const heard = hear(child, log, clock, listener);
  let late: string | undefined;
  const timer = setInterval(() => {
    if (!clock.guestStands) listener.booting(Math.floor(clock.bootSeconds), log.lastLine);
    late = tooLate(clock, accelerator, log, patience);
    if (late !== undefined) child.kill('SIGKILL');
  }, 1000);
  try {
    await once(child, 'close');
  } finally {
    clearInterval(timer);
    interrupt.stop();
  }
  if (interrupt.happened()) return { kind: 'interrupted' };
  if (heard.fault !== undefined) throw heard.fault;
  if (heard.exitCode !== undefined) return { kind: 'done', exitCode: heard.exitCode };
  if (accelerator === 'kvm' && !log.spoke) return { kind: 'never-began' };
  throw faultOf(guest, log, late ?? endOf(child), words.text);
}

function startQemu({ qemu, image, initramfs, memoryMebibytes }: Guest, accelerator: Accelerator) {
  const machine = {
    accelerator,
    memoryMebibytes,
    image: image.path,
    initramfs: `/proc/self/fd/${INITRAMFS_DESCRIPTOR}`,
    consoleDescriptor: CONSOLE_DESCRIPTOR,
    channelDescriptor: CHANNEL_DESCRIPTOR,
  };
  const [file, ...args] = [...diesWithUs(), qemu, ...qemuArguments(machine)];
  return spawn(file as string, args, {
    // A pipe of Node's is a pair of sockets, which is what qemu is told to expect.
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', initramfs.descriptor],
  });
}

interface Heard {
  exitCode: number | undefined;
  fault: StalesumError | undefined;
}

function hear(child: ChildProcess, log: ConsoleLog, clock: Clock, listener: GuestListener): Heard {
  const heard: Heard = { exitCode: undefined, fault: undefined };
  const consoleOutput = child.stdio[CONSOLE_DESCRIPTOR] as Readable;
  const channel = child.stdio[CHANNEL_DESCRIPTOR] as Readable;
  const reader = new MessageReader();
  consoleOutput.on('data', (bytes: Buffer) => {
    clock.consoleSpoke();
    log.add(bytes);
  });
  channel.on('data', (bytes: Buffer) => {
    clock.guestSpoke();
    try {
      for (const message of reader.read(bytes)) {
        if (message.kind === 'exit') {
          heard.exitCode = Number(message.body.toString('latin1'));
          child.kill('SIGKILL');
        } else listener.message(message);
      }
    } catch (thrown) {
      if (!(thrown instanceof RangeError)) throw thrown;
      heard.fault = new StalesumError('internal', thrown.message);
      child.kill('SIGKILL');
    }
  });
  // They break when the machine ends, and that end is what is waited for.
  for (const stream of [consoleOutput, channel]) stream.on('error', () => undefined);
  return heard;
}

/** When the machine began, and was last heard of. Seconds. */
class Clock {
  readonly #began = performance.now();
  #console = this.#began;
  #guest: number | undefined;

  get bootSeconds(): number {
    return (performance.now() - this.#began) / 1000;
  }
  get consoleSilence(): number {
    return (performance.now() - this.#console) / 1000;
  }
  get guestSilence(): number {
    return (performance.now() - (this.#guest ?? this.#began)) / 1000;
  }
  /** Whether the guest's process 1 runs. */
  get guestStands(): boolean {
    return this.#guest !== undefined;
  }
  consoleSpoke(): void {
    this.#console = performance.now();
  }
  guestSpoke(): void {
    this.#guest = performance.now();
  }
}

/** What has been waited for too long. */
function tooLate(
  clock: Clock,
  accelerator: Accelerator,
  log: ConsoleLog,
  { firstWord, silentBoot, boot, silentGuest }: Patience,
): string | undefined {
  if (clock.guestStands) {
    return clock.guestSilence > silentGuest
      ? `it has not answered for ${silentGuest} s`
      : undefined;
  }
  const silence = log.spoke ? silentBoot : firstWord[accelerator];
  if (clock.consoleSilence > silence) return `it has said nothing for ${silence} s`;
  return clock.bootSeconds > boot ? `it was not up after ${boot} s` : undefined;
}

function endOf(child: ChildProcess): string {
  const how = child.signalCode ?? `exit code ${child.exitCode}`;
  return `the machine ended before it was done (qemu: ${how})`;
}

function faultOf(guest: Guest, log: ConsoleLog, why: string, words: string): StalesumError {
  const reason = log.panic === undefined ? why : `kernel panic: ${log.panic}`;
  const said = words.trim() === '' ? [] : [`qemu says: ${printable(words.trim())}`];
  return new StalesumError(
    'missing-tool',
    `Linux ${guest.image.release} in qemu: ${reason}`,
    [...said, log.tail].join('\n  '),
  );
}

/** Qemu's own words, so many of them. */
function gathered(stream: Readable): { readonly text: string } {
  const result = { text: '' };
  stream.setEncoding('utf8').on('data', (text: string) => {
    result.text = (result.text + text).slice(0, 2000);
  });
  return result;
}

function watchInterrupts(child: ChildProcess) {
  let interrupted = false;
  const handler = () => {
    interrupted = true;
    child.kill('SIGKILL');
  };
  for (const signal of INTERRUPTS) process.on(signal, handler);
  return {
    happened: () => interrupted,
    stop: () => {
      for (const signal of INTERRUPTS) process.off(signal, handler);
    },
  };
}
