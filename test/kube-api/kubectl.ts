/** The real kubectl (the one in PATH) against a server of a test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';

export interface KubectlResult {
  /** The exit code, or the signal's name. */
  readonly outcome: number | string;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export type Kubectl = ReturnType<typeof kubectlWith>;

/** kubectl with a home of its own, in which it keeps its cache of discovery. */
export function kubectlWith(kubeconfig: string) {
  const home = mkdtempSync(join(tmpdir(), 'stalesum-kubectl-'));
  const path = join(home, 'config');
  writeFileSync(path, kubeconfig, { mode: 0o600 });

  function start(args: readonly string[]): ChildProcess {
    const env = { PATH: process.env.PATH, HOME: home, KUBECONFIG: path };
    return spawn('kubectl', args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  async function run(args: readonly string[], input?: Uint8Array | string): Promise<KubectlResult> {
    const child = start(args);
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(input);
    const [stdout, stderr, [code, signal]] = await Promise.all([
      buffer(child.stdout!),
      text(child.stderr!),
      once(child, 'close'),
    ]);
    return { outcome: code ?? signal, stdout, stderr };
  }

  return { start, run, remove: () => rmSync(home, { recursive: true }) };
}
