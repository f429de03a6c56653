/** The command line of qemu, and how it is found. */
import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';
import { StalesumError } from '../errors.js';
import { MACHINE_VARIABLE } from '../guest-environment.js';
import { findCommand } from '../node/find-command.js';
import { CONSOLE_PORT } from './channel.js';

/** With the processor's help, or all of it in software. */
export type Accelerator = 'kvm' | 'tcg';

export interface Machine {
  readonly accelerator: Accelerator;
  readonly image: string;
  /** Paths or /proc/self/fd/N of qemu's own descriptors. */
  readonly initramfs: string;
  readonly memoryMebibytes: number;
  /** Connected sockets among qemu's descriptors, for the first two serial ports. */
  readonly consoleDescriptor: number;
  readonly channelDescriptor: number;
}

const QEMU = 'qemu-system-x86_64';
/** More would not make one lab faster. */
const MAX_PROCESSORS = 4;

/** @throws StalesumError `missing-tool` without qemu, or on a machine that is not x86-64 */
export function findQemu(): string {
  if (process.arch !== 'x64') {
    throw new StalesumError(
      'missing-tool',
      `--kernel boots x86-64 kernels with the programs of this machine, and this one is ${process.arch}`,
    );
  }
  try {
    return findCommand(QEMU);
  } catch {
    throw new StalesumError(
      'missing-tool',
      `--kernel needs ${QEMU}, which is not on this machine`,
      'apt install qemu-system-x86, dnf install qemu-system-x86-core, ' +
        'apk add qemu-system-x86_64, pacman -S qemu-system-x86',
    );
  }
}

/** Whether the processor's help can be asked for; whether it works, only trying tells. */
export function mayUseKvm(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export function qemuArguments(machine: Machine): string[] {
  return [
    ...['-accel', machine.accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi'],
    // Page tables of five levels are walked in software, and make an emulated machine a tenth slower.
    ...['-cpu', machine.accelerator === 'kvm' ? 'host' : 'max,-la57'],
    ...['-smp', String(Math.min(availableParallelism(), MAX_PROCESSORS))],
    ...['-m', String(machine.memoryMebibytes)],
    // Nothing but what is asked for: no network, no disk, no display, no files of the user's.
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...[
      '-kernel',
      machine.image,
      '-initrd',
      machine.initramfs,
      '-append',
      kernelArguments(machine.accelerator),
    ],
    ...serialPort('console', machine.consoleDescriptor),
    ...serialPort('channel', machine.channelDescriptor),
  ];
}

/**
 * A panic ends the machine; what hardens a kernel against strangers costs time and guards nothing here.
 * A word that the kernel does not know becomes a variable of process 1.
 */
function kernelArguments(accelerator: Accelerator): string {
  return [
    `console=${CONSOLE_PORT}`,
    `earlyprintk=serial,${CONSOLE_PORT}`,
    'panic=-1',
    'random.trust_cpu=on',
    'mitigations=off',
    `${MACHINE_VARIABLE}=qemu-${accelerator}`,
  ].join(' ');
}

function serialPort(name: string, descriptor: number): string[] {
  return ['-chardev', `socket,id=${name},fd=${descriptor}`, '-serial', `chardev:${name}`];
}
