// Runs behind ssh-world.mjs: a run whose connection is cut in the middle, and runs that are interrupted or
// killed at many moments. What is left behind of each is told.
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  filesIn,
  leftOver,
  print,
  read,
  settled,
  stalesum,
  start,
  TARGET,
  until,
} from '../facts.mjs';

const ARGS = [
  ...['reproduce', '--from', 'ssh:stalesum-tester@192.168.50.1'],
  ...['--to', 'ssh:stalesum-tester@192.168.50.2', '--target', TARGET.udp, '--protocol', 'udp'],
];
const before = leftOver();

print({ cut: await cut(), interrupted: await interrupted() });

/** The server's process of the second node's connection is killed while captures run. */
async function cut() {
  const out = mkdtempSync('/run/out-');
  const run = start([...ARGS, '--out', out]);
  const captured = join(out, 'node-192.168.50.2/underlay.pcapng');
  await until(() => existsSync(captured) && read(captured).length > 300);
  for (const pid of sessionsAt('node-b')) process.kill(pid, 'SIGKILL');
  const result = await run.result;
  return {
    ...result,
    files: filesIn(out),
    analyzed: await stalesum(['analyze', out, '--json']),
    left: await settled(before),
  };
}

/** Processes of sshd that serve connections to a node: its server's children, and theirs. */
function sessionsAt(node) {
  const processes = readdirSync('/proc').map(Number).filter(Number.isInteger);
  const lineOf = pid => read(`/proc/${pid}/cmdline`);
  const parentOf = pid => Number(/^PPid:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]);
  const server = processes.find(pid => lineOf(pid).includes(`sshd-${node} [listener]`));
  const children = processes.filter(pid => parentOf(pid) === server);
  const theirs = processes.filter(pid => children.includes(parentOf(pid)));
  return [...children, ...theirs].filter(pid => lineOf(pid).startsWith('sshd: '));
}

async function interrupted() {
  const results = [];
  for (const [milliseconds, signal] of [
    [150, 'SIGINT'],
    [500, 'SIGINT'],
    [900, 'SIGTERM'],
    [1500, 'SIGINT'],
    [2200, 'SIGKILL'],
    [3500, 'SIGINT'],
    [4000, 'SIGKILL'],
  ]) {
    const run = start(ARGS);
    await sleep(milliseconds);
    run.child.kill(signal);
    const { outcome, stderr } = await run.result;
    results.push({ milliseconds, signal, outcome, stderr, left: await settled(before) });
  }
  return results;
}
