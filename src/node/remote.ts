/** Nodes whose commands run at the far end of a stream: ssh, podman exec, docker exec, kubectl exec. */
import { buffer } from 'node:stream/consumers';
import { messageOf, StalesumError } from '../errors.js';
import { type Child, settlesWithin, startChild } from './child.js';
import { diesWithUs } from './dies-with-us.js';
import { shellExitCode } from './exit-code.js';
import type { CommandResult, Node, RunningCommand, RunOptions, StartOptions } from './node.js';
import {
  type RemoteCommandOptions,
  remoteCommand,
  wasNotFound,
  wholeOutput,
} from './remote-script.js';

/** What carries commands to a node. */
export interface Carrier {
  /** What reports call the node. */
  readonly name: string;
  /**
   * The command line of this machine, its program as a path, that runs an argument vector on the node
   * with the same standard streams, and gives its exit code.
   */
  commandLine(remote: readonly string[]): readonly string[];
  /** Why the carrier itself failed, if that is what an exit code and the words with it mean. */
  fault(exitCode: number, words: string): Promise<StalesumError | undefined>;
  /**
   * Whether it may lose the end of an output and call that success, so that a command must say itself
   * that it has ended and how. Where that is missing and `fault` knows no reason, it is run once more.
   */
  readonly losesEnds?: boolean;
  /** What a command said on standard error, without what the carrier adds when it fails. */
  withoutOwnWords?(stderr: string): string;
}

export const DEFAULT_TIMEOUT_SECONDS = 30;
const DEFAULT_GRACE_SECONDS = 2;
/** Beyond the other end's own grace, for the way there and back. */
const WAY_SECONDS = 4;

/** A node that a carrier leads to. */
export function remoteNode(carrier: Carrier): Node {
  return {
    name: carrier.name,
    elsewhere: true,
    run: (command, args, options = {}) => runThere(carrier, command, args, options),
    start: (command, args, options = {}) => startThere(carrier, command, args, options),
  };
}

async function runThere(
  carrier: Carrier,
  command: string,
  args: readonly string[],
  options: RunOptions,
): Promise<CommandResult> {
  return answerOf(
    carrier.name,
    command,
    await outcomeThere(carrier, command, args, options),
    options,
  );
}

/** A command's outcome, if that is an answer. @throws StalesumError `internal` with its words if it has failed */
export function answerOf(
  name: string,
  command: string,
  result: CommandResult,
  { mayFail = false }: RunOptions,
): CommandResult {
  const { exitCode, stdout, stderr } = result;
  if (exitCode === 0 || mayFail) return result;
  const ownWords = stderr.trim() || stdout.trim() || 'it says nothing';
  const what = `${name}: ${command} failed with exit code ${exitCode}: ${ownWords}`;
  throw new StalesumError('internal', messageOf(what));
}

const TOO_LONG = 'did not end within';

/** Whether a command has failed because its time was up. */
export function tookTooLong(fault: unknown): boolean {
  return fault instanceof StalesumError && fault.message.includes(` ${TOO_LONG} `);
}

/** The command's own outcome, and none of what carries it. */
async function outcomeThere(
  carrier: Carrier,
  ...call: readonly [string, readonly string[], RunOptions]
): Promise<CommandResult> {
  const outcome = (await tryThere(carrier, ...call)) ?? (await tryThere(carrier, ...call));
  if (outcome) return outcome;
  const text = `${carrier.name}: the end of what ${call[0]} says is lost on the way, twice`;
  throw new StalesumError('unavailable', text);
}

/** @returns `undefined` where the end of its output is missing, and nobody knows why */
async function tryThere(
  carrier: Carrier,
  command: string,
  args: readonly string[],
  { input, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS }: RunOptions,
): Promise<CommandResult | undefined> {
  const saysEnd = carrier.losesEnds === true;
  const child = launch(carrier, command, args, { hasInput: input !== undefined, saysEnd });
  const output = Promise.all([buffer(child.stdout), buffer(child.stderr)]);
  if (input !== undefined) {
    child.write(input);
    child.closeInput();
  }
  if (!(await settlesWithin(child.ended, timeoutSeconds))) {
    await end(child, input !== undefined, 'SIGKILL', 0);
    await output.catch(() => undefined);
    const text = `${carrier.name}: ${command} ${TOO_LONG} ${timeoutSeconds} s`;
    throw new StalesumError('unavailable', text);
  }
  const { exitCode: code, signal } = await child.ended;
  const [stdout, stderr] = (await output).map(String) as [string, string];
  const exitCode = shellExitCode(code, signal as NodeJS.Signals | undefined);
  const whole = saysEnd ? wholeOutput(stdout) : undefined;
  if (whole) return { ...whole, stderr: carrier.withoutOwnWords?.(stderr) ?? stderr };
  if (exitCode === 0 && !saysEnd) return { stdout, stderr, exitCode };
  if (wasNotFound(exitCode, stderr)) throw missingThere(carrier.name, command);
  const fault = await carrier.fault(exitCode, stderr);
  if (fault) throw fault;
  return saysEnd ? undefined : { stdout, stderr, exitCode };
}

function startThere(
  carrier: Carrier,
  command: string,
  args: readonly string[],
  options: StartOptions,
): RunningCommand {
  const hasInput = options.openInput === true;
  const child = launch(carrier, command, args, { hasInput, outlivesUs: options.outlivesUs });
  return {
    stdout: child.stdout,
    stderr: child.stderr,
    ended: child.ended,
    closeInput: () => {
      if (hasInput) child.closeInput();
    },
    stop: (signal = 'SIGINT', graceSeconds = DEFAULT_GRACE_SECONDS) =>
      end(child, hasInput, signal, graceSeconds),
  };
}

function launch(
  carrier: Carrier,
  command: string,
  args: readonly string[],
  { outlivesUs = false, ...how }: RemoteCommandOptions & { outlivesUs?: boolean | undefined },
): Child {
  const line = carrier.commandLine(remoteCommand(command, args, how));
  // What must outlive us does so at the other end; what carries it there need not.
  const guard = outlivesUs ? [] : diesWithUs();
  return startChild([...guard, ...line], { openInput: true });
}

/** Ends the command at the other end, with the last words that it has, and then the carrier. */
async function end(
  child: Child,
  hasInput: boolean,
  signal: NodeJS.Signals,
  graceSeconds: number,
): Promise<void> {
  if (!hasInput && signal !== 'SIGKILL') {
    child.write(`${signal.slice('SIG'.length)}\n`);
    if (await settlesWithin(child.ended, graceSeconds)) return;
  }
  // The end of the input ends it there, with all that it has started.
  child.closeInput();
  if (await settlesWithin(child.ended, WAY_SECONDS)) return;
  await child.stop('SIGKILL');
}

/** The fault for a program that a node does not have. */
export function missingThere(name: string, command: string): StalesumError {
  return new StalesumError('missing-tool', `${command} is not on ${name}`);
}
