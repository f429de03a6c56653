/** Runs the built command line as a user would. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
export const CLI = `${PROJECT}dist/cli.js`;

export interface CliResult {
  /** The exit code, or the signal's name. */
  readonly outcome: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliStart {
  readonly input?: Uint8Array | string;
  readonly env?: NodeJS.ProcessEnv;
  /** A program that executes the rest: `setpriv --reuid=...`. */
  readonly prefix?: readonly string[];
  readonly cli?: string;
}

/** `stalesum ARGS`, to its end. */
export async function stalesum(
  args: readonly string[],
  { input = '', env = {}, prefix = [], cli = CLI }: CliStart = {},
): Promise<CliResult> {
  const [file, ...rest] = [...prefix, process.execPath, cli, ...args];
  // The clone may lie where the ordinary user of some tests may not be.
  const child = spawn(file as string, rest, { env: { ...process.env, ...env }, cwd: '/' });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { outcome: code ?? signal, stdout, stderr };
}
