/**
 * A node: anything that runs a command. The harness is the same code for a lab's namespaces, a kind
 * container and a fleet. Arguments travel as vectors; nothing user-given reaches a shell as text.
 */
import type { Readable } from 'node:stream';

export interface Node {
  /** What reports call it: `node-a`. */
  readonly name: string;

  /**
   * The file that stands for its network namespace (setns(2)): `/run/netns/node-a`. Absent where this
   * process cannot enter it: on another machine.
   */
  readonly networkNamespace?: string;

  /** Its commands are programs of its own, not of this machine: our Node.js is not among them. */
  readonly elsewhere?: boolean;

  /**
   * Runs a command to its end.
   *
   * @throws StalesumError `missing-tool` if the command is not there; `unavailable` if the node is not,
   *   or no more; `internal` with the command's own words if it fails and `mayFail` is not set.
   */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<CommandResult>;

  /** Starts a command whose output is wanted while it runs (tcpdump, conntrack -E). */
  start(command: string, args: readonly string[], options?: StartOptions): RunningCommand;
}

export interface RunOptions {
  /** Bytes for its standard input; none means an empty one. */
  readonly input?: string;
  /** The command is ended, and the call fails, after so many seconds. Default 30. */
  readonly timeoutSeconds?: number;
  /** A non-zero exit code is an answer, not a fault. */
  readonly mayFail?: boolean;
}

export interface StartOptions {
  /** Its standard input is an open pipe, to be closed by the caller; otherwise it is empty. */
  readonly openInput?: boolean;
  /**
   * It goes on when this process dies, by whatever signal, and must end itself when its open input
   * does: for what has to be put in order again then. Only with `openInput`.
   */
  readonly outlivesUs?: boolean;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

export interface RunningCommand {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Closes its standard input, where it was opened. */
  closeInput(): void;
  /** Settles, never rejects, once the process is gone and its output was read. */
  readonly ended: Promise<{
    readonly exitCode: number | undefined;
    readonly signal: string | undefined;
  }>;
  /** Sends the signal (default SIGINT), waits for the end; SIGKILL follows after `graceSeconds` (2). */
  stop(signal?: NodeJS.Signals, graceSeconds?: number): Promise<void>;
}

/** A node that has been opened, with whatever that took: a connection, a pod of ours. */
export interface OpenNode {
  readonly node: Node;
  /** What a user should know of how it is reached; one line each. */
  readonly notes: readonly string[];
  /** What of ours is there for as long as it is open: a pod, with its name. */
  readonly made?: string;
  /**
   * Ends what was opened for it. May be called twice.
   *
   * @throws StalesumError for what could not be undone, with the command that does it
   */
  close(): Promise<void>;
}
