/** Starts labs for the tests, each with a mark by which its processes are found again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

export const ENTRY = `${PROJECT}test/lab/entry.mjs`;
export const FACTS = `${PROJECT}test/lab/facts.mjs`;

export interface StartedLab {
  readonly child: ChildProcess & { readonly pid: number };
  /** In the environment of every process of this lab. */
  readonly mark: string;
  readonly stdout: Promise<string>;
  readonly stderr: Promise<string>;
  /** The exit code, or the signal's name. */
  readonly outcome: Promise<number | string>;
}

export interface LabResult {
  readonly outcome: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LabStart {
  /** A program that executes the rest: `setpriv --reuid=...`. */
  readonly prefix?: readonly string[];
  readonly input?: string;
  readonly entry?: string;
}

export function startLabProcess(
  scenario: string,
  command: readonly string[],
  { prefix = [], input = '', entry = ENTRY }: LabStart = {},
): StartedLab {
  if (!existsSync(`${PROJECT}dist/commands/lab.js`)) {
    throw new Error('dist/ is missing: npm run build');
  }
  const mark = `lab-test-${randomUUID()}`;
  const [file, ...args] = [...prefix, process.execPath, entry, scenario, ...command];
  // The clone may lie where the ordinary user of some tests may not be.
  const env = { ...process.env, LAB_TEST_MARK: mark };
  const child = spawn(file as string, args, { env, cwd: '/' });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return {
    child: child as StartedLab['child'],
    mark,
    stdout: text(child.stdout),
    stderr: text(child.stderr),
    outcome: once(child, 'close').then(([code, signal]) => code ?? signal),
  };
}

export async function runLab(
  scenario: string,
  command: readonly string[],
  start: LabStart = {},
): Promise<LabResult> {
  const { outcome, stdout, stderr } = startLabProcess(scenario, command, start);
  return { outcome: await outcome, stdout: await stdout, stderr: await stderr };
}

/** A lab whose command is running: a shell that has said "ready" and waits. */
export async function startReadyLab(first = ':') {
  const command = ['sh', '-c', `${first}; echo ready; while :; do sleep 1; done`];
  const lab = startLabProcess('unpatched', command);
  await once(lab.child.stdout!, 'data');
  return lab;
}
