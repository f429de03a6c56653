// Runs beside the containers of podman-entry.mjs: the scenario through network namespaces and through
// containers, what is said of containers that are not there, and a run that is interrupted.
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { containerCarrier } from '../../../dist/node/container.js';
import { remoteNode } from '../../../dist/node/remote.js';
import {
  between,
  filesIn,
  leftOver,
  print,
  settled,
  stalesum,
  start,
  TARGET,
  TEMPORARY,
  until,
} from '../facts.mjs';

const podman = (...words) => execFileSync('podman', words, { encoding: 'utf8' });
const FROM = 'podman:kind-node-a';
const TO = 'podman:kind-node-b';
const asked = node => ['inspect', '--node', node, '--json', '--target', TARGET.tcp];
const has = (container, tool) => {
  try {
    podman('exec', container, 'sh', '-c', 'command -v "$1"', 'sh', tool);
    return true;
  } catch {
    return false;
  }
};

const before = leftOver();
const results = {
  hasTcpdump: has('kind-node-a', 'tcpdump'),
  netns: await between('netns:node-a', 'netns:node-b'),
  podman: await between(FROM, TO),
  dns: await between(FROM, TO, ['--target', TARGET.udp, '--protocol', 'udp']),
  inspect: await stalesum(asked(FROM)),
  absent: await stalesum(asked('podman:absent')),
  own: await byExec('kind-node-a'),
};
podman('stop', '-t', '0', 'kind-node-b');
results.stopped = await stalesum(asked('podman:kind-node-b'));
podman('start', 'kind-node-b');

const run = start(['reproduce', '--from', FROM, '--to', TO, '--target', TARGET.tcp]);
await until(() => filesIn(TEMPORARY).some(name => name.endsWith('underlay.pcapng')));
run.child.kill('SIGINT');
results.interrupted = { ...(await run.result), left: await settled(before) };
print(results);

/** Its own commands, by `podman exec`, as for a container of another machine. */
async function byExec(container) {
  const node = remoteNode(containerCarrier('podman', container));
  const odd = ['$(id)', '; ls', '"', "'", '*', '', '-x', 'a\nb'];
  const running = node.start('cat', ['/dev/zero']);
  running.stderr.resume();
  let bytes = 0;
  running.stdout.on('data', chunk => {
    bytes += chunk.length;
  });
  await sleep(300);
  await running.stop();
  const list = await node.run('sh', ['-c', 'cat /proc/[0-9]*/comm']);
  const missing = await node.run('tcpdump', []).catch(({ kind, message }) => ({ kind, message }));
  return {
    echoed: (await node.run('sh', ['-c', 'for word; do echo "<$word>"; done', 'sh', ...odd]))
      .stdout,
    expected: odd.map(word => `<${word}>\n`).join(''),
    code: (await node.run('sh', ['-c', 'exit 7'], { mayFail: true })).exitCode,
    streamed: bytes > 0,
    programs: [...new Set(list.stdout.trim().split('\n'))].sort(),
    missing,
  };
}
