/** What the command in a guest is told of where it runs, as variables of its environment. */

/** The virtual machine: `qemu-kvm` or `qemu-tcg`. */
export const MACHINE_VARIABLE = 'STALESUM_MACHINE';

/** `1`: standard error is shown on a terminal, although it is a pipe in the guest. */
export const TERMINAL_VARIABLE = 'STALESUM_TERMINAL';

/** What takes a second on a processor may take half a minute where each instruction is emulated. */
const EMULATION = 10;

/**
 * A time after which something counts as hung, for the machine that this is: an emulated one is given
 * ten times as long. Seconds.
 */
export function patience(seconds: number): number {
  return process.env[MACHINE_VARIABLE] === 'qemu-tcg' ? seconds * EMULATION : seconds;
}
