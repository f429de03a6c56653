/** What the command in a guest is told of where it runs, as variables of its environment. */

/** The virtual machine: `qemu-kvm` or `qemu-tcg`. */
export const MACHINE_VARIABLE = 'STALESUM_MACHINE';

/** `1`: standard error is shown on a terminal, although it is a pipe in the guest. */
export const TERMINAL_VARIABLE = 'STALESUM_TERMINAL';
