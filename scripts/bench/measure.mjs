/** Runs a program, and measures wall time, CPU time (user and system) and peak memory. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

const POLL_MS = 10;
/** bash reads its children's usage from the kernel, in milliseconds; what it prints is its own last line. */
const TIMED = 'TIMEFORMAT="%3R %3U %3S"; time "$@" 2> /dev/null';

/**
 * The environment of what is measured. With NODE_EXTRA_CA_CERTS, which a company's machines may have, every
 * Node reads all certificates that there are before it does anything: 0.05 s.
 */
export function ownEnvironment() {
  const { NODE_EXTRA_CA_CERTS, ...environment } = process.env;
  return { ...environment, LC_ALL: 'C' };
}

/**
 * Runs `[command, ...args]`: `{ wallSeconds, cpuSeconds, peakMegabytes, stdout, exitCode }`. Its standard
 * output is collected if `isKept`, its standard error is not. `input`, a stream, becomes its standard input.
 */
export async function measure(command, { isKept = false, input } = {}) {
  const child = spawn('bash', ['-c', TIMED, 'bash', ...command], {
    stdio: [input ? 'pipe' : 'ignore', isKept ? 'pipe' : 'ignore', 'pipe'],
    env: ownEnvironment(),
  });
  // A program that has seen enough closes its input.
  child.stdin?.on('error', () => undefined);
  input?.pipe(child.stdin);
  let peakMegabytes = 0;
  const poll = setInterval(() => {
    for (const pid of childrenOf(child.pid)) {
      peakMegabytes = Math.max(peakMegabytes, peakOf(pid));
    }
  }, POLL_MS);
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => resolve(code));
  });
  const [stdout, times, exitCode] = await Promise.all([
    isKept ? text(child.stdout) : '',
    text(child.stderr),
    ended,
  ]).finally(() => clearInterval(poll));
  const [wall, user, system] = times.trim().split('\n').at(-1).split(' ').map(Number);
  return {
    wallSeconds: wall,
    cpuSeconds: user + system,
    peakMegabytes,
    stdout,
    exitCode,
  };
}

function childrenOf(pid) {
  return tryRead(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean);
}

/** The most memory that a process had at once, in units of 10^6 bytes. */
function peakOf(pid) {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(tryRead(`/proc/${pid}/status`)) ?? [];
  return (Number(kilobytes ?? 0) * 1024) / 1e6;
}

/** A process may be gone by now. */
function tryRead(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
