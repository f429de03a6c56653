// Runs on node A of a lab: a real sshd on each node, and a user with a home, a key, a configuration and
// known hosts, all made here and gone with the lab. Then a command runs as that user, with our streams:
//   node ssh-world.mjs COMMAND ARGS...
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCommand } from '../../dist/node/find-command.js';

const HOSTS = { 'node-a': '192.168.50.1', 'node-b': '192.168.50.2' };
const PORT = 2222;

// The lab's own /run, in memory.
const home = mkdtempSync('/run/home-');
const dot = join(home, '.ssh');
mkdirSync(dot, { mode: 0o700 });

/** ssh and sshd take the user's name, home and shell from here and nowhere else. */
const uid = process.getuid();
const users = readFileSync('/etc/passwd', 'utf8')
  .split('\n')
  .filter(line => line.split(':')[2] !== String(uid))
  .join('\n');
writeFileSync(
  '/run/passwd',
  `stalesum-tester:*:${uid}:${process.getgid()}::${home}:/bin/sh\n${users}`,
);
execFileSync(findCommand('mount'), ['--bind', '/run/passwd', '/etc/passwd']);

const keygen = path => execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
keygen(join(dot, 'id_ed25519'));
keygen(join(home, 'host'));
writeFileSync(join(dot, 'authorized_keys'), readFileSync(join(dot, 'id_ed25519.pub')), {
  mode: 0o600,
});
const [type, key] = readFileSync(join(home, 'host.pub'), 'utf8').split(' ');
const known = Object.values(HOSTS).map(address => `[${address}]:${PORT} ${type} ${key}\n`);
writeFileSync(join(dot, 'known_hosts'), process.env.UNKNOWN_HOSTS ? '' : known.join(''));
writeFileSync(
  join(dot, 'config'),
  `Host 192.168.50.*\n  Port ${PORT}\nHost the-client\n  HostName ${HOSTS['node-a']}\n  Port ${PORT}\n`,
);
chmodSync(join(dot, 'config'), 0o600);

const servers = Object.entries(HOSTS).map(([node, address]) => {
  const config = join(home, `sshd-${node}`);
  writeFileSync(
    config,
    [
      `ListenAddress ${address}`,
      `Port ${PORT}`,
      `HostKey ${join(home, 'host')}`,
      'UsePAM no',
      'PidFile none',
      'PasswordAuthentication no',
      ...(process.env.SSHD_EXTRA ? [process.env.SSHD_EXTRA] : []),
      '',
    ].join('\n'),
  );
  const args = [`--net=/run/netns/${node}`, '--', findCommand('sshd'), '-D', '-e', '-f', config];
  const server = spawn(findCommand('nsenter'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
  server.said = '';
  server.stderr.on('data', text => {
    server.said += text;
  });
  return { server, address };
});
for (const { server, address } of servers) await listening(server, address);

const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, {
  stdio: 'inherit',
  env: { ...process.env, HOME: home, USER: 'stalesum-tester' },
});
const [code, signal] = await once(child, 'exit');
for (const { server } of servers) {
  server.kill();
  if (process.env.SSHD_LOG) process.stderr.write(server.said);
}
process.exitCode = code ?? (signal ? 128 : 1);

async function listening(server, address) {
  for (let tries = 0; tries < 500; tries++) {
    if (server.exitCode !== null) throw new Error(`sshd ended: ${server.said}`);
    const socket = connect(PORT, address);
    const stands = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (stands) return;
    await sleep(20);
  }
  throw new Error(`sshd does not listen: ${server.said}`);
}
