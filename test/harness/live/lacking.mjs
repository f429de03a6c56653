// Runs behind ssh-world.mjs: nodes that lack a tool, and nodes that are reached by a process in them.
// A tool is taken away by mounting an empty file over it, in the lab's own mount namespace.
import { execFileSync } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { findCommand } from '../../../dist/node/find-command.js';
import { between, print, read, TARGET } from '../facts.mjs';

const FROM = 'ssh:stalesum-tester@192.168.50.1';
const TO = 'ssh:stalesum-tester@192.168.50.2';
const DNS = ['--target', TARGET.udp, '--protocol', 'udp'];

async function without(tools, run) {
  const paths = new Set(tools.flatMap(placesOf));
  for (const path of paths) mount('mount', '--bind', '/dev/null', path);
  try {
    return await run();
  } finally {
    for (const path of paths) mount('umount', path);
  }
}

function mount(command, ...args) {
  execFileSync(findCommand(command), args);
}

/** A command may be in several folders, or under several names. */
function placesOf(tool) {
  const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return folders.flatMap(folder => {
    try {
      return [realpathSync(`${folder}/${tool}`)];
    } catch {
      return [];
    }
  });
}

function serverOf(node) {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  return pids.find(pid => read(`/proc/${pid}/cmdline`).includes(`sshd-${node} [listener]`));
}

print({
  pid: await between(`pid:${serverOf('node-a')}`, `pid:${serverOf('node-b')}`),
  conntrack: await without(['conntrack'], () => between(FROM, TO)),
  tcpdump: await without(['tcpdump'], () => between(FROM, TO)),
  rules: await without(['iptables-save', 'nft'], () => between(FROM, TO)),
  python: await without(['python3'], () => between(FROM, TO, DNS)),
  clients: await without(['python3', 'bash', 'curl', 'nc'], () => between(FROM, TO)),
});
