// The lab's own bug, watched on the underlay of node A, beside a capture of the same interface for analyze
// and conntrack's table.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { print, startWatch } from './watching.mjs';

const CONNECTIONS = 3;

const folder = mkdtempSync(join(tmpdir(), 'stalesum-watch-test-'));
try {
  const file = join(folder, 'underlay.pcap');
  // Without a name: that of the default route.
  const watch = await startWatch(['--evidence', join(folder, 'evidence')]);
  const tcpdump = spawn('tcpdump', ['-i', 'eth0', '-p', '-U', '--immediate-mode', '-w', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise(resolve => {
    tcpdump.stderr.on('data', chunk => String(chunk).includes('listening on') && resolve());
  });
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, connected));
  const conntrack = ['ipv4', 'ipv6']
    .map(family =>
      execFileSync('conntrack', ['-L', '-f', family, '-p', 'udp'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    )
    .join('');
  for (const socket of sockets) socket.destroy();
  await sleep(500);
  tcpdump.kill('SIGINT');
  await once(tcpdump, 'close');
  const { outcome, stderr } = await watch.end();
  print({
    interfaces: watch.started.interfaces,
    events: watch.events,
    outcome,
    stderr,
    conntrack,
    captured: analyze(file),
    evidence: analyze(join(folder, 'evidence')),
  });
} finally {
  rmSync(folder, { recursive: true });
}

async function connected() {
  const socket = connect(80, '10.96.0.10');
  await once(socket, 'connect');
  return socket;
}

function analyze(path) {
  const cli = new URL('../../../dist/cli.js', import.meta.url).pathname;
  try {
    return JSON.parse(
      execFileSync(process.execPath, [cli, 'analyze', '--json', path], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    );
  } catch ({ stdout }) {
    return JSON.parse(stdout);
  }
}
