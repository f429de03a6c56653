/**
 * What ties the process inside the namespaces to the one outside: a pipe on descriptor 3.
 *
 * It carries the user's interrupts inwards. Outwards go two words, one when the inner process stands and
 * one when it exits of itself, since unshare's own exit code cannot be told from its child's. When the
 * outer process dies, by whatever signal, the pipe closes, the inner process exits, and since it
 * is process 1 of its pid namespace the kernel kills all the rest. (Before Node reads the pipe, and
 * if it hangs or is stopped, the chain of parent-death signals does the same: enter.ts.)
 */
import { fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { exitCodeOfFault } from '../errors.js';

/** The signals by which a user ends the tool. */
export const INTERRUPTS = ['SIGINT', 'SIGTERM'] as const;
export type Interrupt = (typeof INTERRUPTS)[number];

export const LIFELINE_DESCRIPTOR = 3;

/** What the inner process says. */
export const STANDING = 'standing';
export const LEAVING = 'leaving';

const ENV_MARKER = 'STALESUM_IN_LAB';
const KILLED = 137;

/** For the environment of the process that is started inside. */
export const labMarker: Readonly<Record<string, string>> = { [ENV_MARKER]: '1' };

// Process 1, since a shell in the lab inherits the variable and may start us again. Looked at once:
// the variable is taken away as soon as the lifeline is held.
const inside = process.env[ENV_MARKER] === '1' && process.pid === 1 && isPipe(LIFELINE_DESCRIPTOR);

let held = false;
let interruptHandler: (signal: Interrupt) => void = () => process.exit(exitCodeOfFault.interrupted);

/** Whether this process is the one that was started inside the lab's namespaces. */
export function insideLab(): boolean {
  return inside;
}

/** Inside: takes hold of the lifeline. Done once; further calls do nothing. */
export function holdLifeline(): void {
  if (held) {
    return;
  }
  held = true;
  delete process.env[ENV_MARKER];
  const lifeline = new Socket({ fd: LIFELINE_DESCRIPTOR, readable: true, writable: false });
  lifeline.setEncoding('utf8');
  lifeline.on('data', (text: string) => {
    for (const word of text.trim().split('\n')) {
      interrupt(word as Interrupt);
    }
  });
  for (const event of ['end', 'error', 'close']) {
    lifeline.on(event, () => process.exit(KILLED));
  }
  say(STANDING);
  process.on('exit', () => say(LEAVING));
  lifeline.unref();
  // Process 1 ignores signals that it has no handler for.
  for (const signal of INTERRUPTS) {
    process.on(signal, () => interrupt(signal));
  }
}

/**
 * Inside: what to do when the user interrupts, instead of exiting with 130 at once. The outer process
 * waits three seconds for the end and then kills. A terminal's Ctrl-C can arrive twice.
 */
export function onInterrupt(handler: (signal: Interrupt) => void): void {
  interruptHandler = handler;
}

/** At once, as there is no later at exit. */
function say(word: string): void {
  try {
    writeSync(LIFELINE_DESCRIPTOR, `${word}\n`);
  } catch {
    // The outer process is gone, and that ends this one.
  }
}

function interrupt(signal: Interrupt): void {
  interruptHandler(signal);
}

function isPipe(descriptor: number): boolean {
  try {
    const status = fstatSync(descriptor);
    return status.isSocket() || status.isFIFO();
  } catch {
    return false;
  }
}
