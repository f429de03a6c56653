// What the scripts beside this one share: the command line is run and its outcome kept, and what it may
// have left behind is looked for in /proc of the lab's own pid namespace.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
export const TARGET = { tcp: '10.96.0.10:80', udp: '10.96.0.10:53' };

/** Where the command line's temporary folders are, so that none is missed. */
export const TEMPORARY = mkdtempSync('/run/tmp-');
export const MARK = 'STALESUM_TEST_RUN';

/** Starts `stalesum`; `prefix` is what executes it. */
export function start(args, { prefix = [], env = {} } = {}) {
  const [file, ...rest] = [...prefix, process.execPath, CLI, ...args];
  const child = spawn(file, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: TEMPORARY, [MARK]: '1', ...env },
  });
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  const outcome = once(child, 'exit').then(([code, signal]) => code ?? signal);
  return {
    child,
    result: (async () => {
      const [stdout, stderr] = await said;
      return { outcome: await outcome, stdout, stderr };
    })(),
  };
}

export const stalesum = (args, options) => start(args, options).result;

/** Runs between two nodes, with a verdict on standard output. */
export const between = (from, to, more = [], options = {}) =>
  stalesum(
    ['reproduce', '--from', from, '--to', to, '--json', '--target', TARGET.tcp, ...more],
    options,
  );

/** Command lines of what bears the mark of a run, and of what carries on behind an ssh server. */
export function leftOver() {
  const processes = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return processes.flatMap(pid => {
    const line = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
    const marked = read(`/proc/${pid}/environ`).includes(`${MARK}=1`);
    const session = /^(sh|tcpdump|conntrack|ssh|ethtool|python3|bash|sleep)\b/.test(line);
    return pid !== process.pid && line !== '' && (marked || session) ? [line] : [];
  });
}

/**
 * Waits until nothing has been left over for a second, but what was there before; what still is after
 * half a minute. (What a server was about to start when we were killed it starts, and then ends.)
 */
export async function settled(before = []) {
  const more = () => leftOver().filter(line => !before.includes(line));
  let found = more();
  for (let tries = 0, quiet = 0; tries < 600 && quiet < 20; tries++) {
    await sleep(50);
    found = more();
    quiet = found.length === 0 ? quiet + 1 : 0;
  }
  return { processes: found, folders: readdirSync(TEMPORARY) };
}

/** Waits for something of the run: a file, a process. Against hanging only, hence longer than it ever takes. */
export async function until(isSo, seconds = 120) {
  for (let tries = 0; tries < seconds * 100; tries++) {
    if (isSo()) return;
    await sleep(10);
  }
  throw new Error(`never came to be: ${isSo}`);
}

export const filesIn = folder =>
  readdirSync(folder, { recursive: true })
    .map(name => join(String(name)))
    .sort();

export function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export const print = value => process.stdout.write(`${JSON.stringify(value)}\n`);
