// Runs on the wire of a lab, which is to its nodes what the host is to kind's containers: losses hidden by
// veth links, exposed for a run, and the offload as it was before after every way to end.
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { between, leftOver, print, settled, start, TARGET, until } from '../facts.mjs';

const NODES = ['netns:node-a', 'netns:node-b'];
const EXPOSE = ['--expose-veth-loss'];
const DNS = ['--target', TARGET.udp, '--protocol', 'udp'];
const features = () => execFileSync('ethtool', ['-k', 'b'], { encoding: 'utf8' });
const isOff = () => /tx-checksum-ip-generic: off/.test(features());
const before = { processes: leftOver(), features: features() };

const results = {
  hidden: await between(...NODES),
  exposed: await between(...NODES, EXPOSE),
  exposedDns: await between(...NODES, [...EXPOSE, ...DNS]),
};
results.asBefore = features() === before.features;
results.ends = [];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL']) {
  for (const milliseconds of [0, 400]) {
    const run = start([
      ...['reproduce', '--from', NODES[0], '--to', NODES[1], '--target', TARGET.udp],
      ...['--protocol', 'udp', ...EXPOSE],
    ]);
    await until(isOff);
    await sleep(milliseconds);
    run.child.kill(signal);
    const { outcome } = await run.result;
    const left = await settled(before.processes);
    results.ends.push({ signal, outcome, left, asBefore: features() === before.features });
  }
}
print(results);
