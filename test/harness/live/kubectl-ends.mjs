// Runs on node A of a lab: runs through kubectl whose connections or nodes are lost in the middle, and runs
// that are interrupted or killed at many moments. What is left behind of each is told.
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { filesIn, leftOver, print, read, settled, stalesum, TARGET, until } from '../facts.mjs';
import { podsLeft, startCluster } from '../kube-world.mjs';

const ARGS = [
  ...['reproduce', '--from', 'kubectl:node-a', '--to', 'kubectl:node-b'],
  ...['--target', TARGET.udp, '--protocol', 'udp'],
];

/** When something is done to a run: once the API server was asked so often for what the words match. */
const MOMENTS = [
  [/^GET \/api\/v1\/nodes\//, 1, 'SIGINT'],
  [/^POST \S+\/pods/, 1, 'SIGINT'],
  [/^POST \S+\/pods/, 2, 'SIGTERM'],
  [/^GET \S+\/pods\/stalesum-/, 2, 'SIGKILL'],
  [/\/exec\?/, 1, 'SIGINT'],
  [/\/exec\?/, 12, 'SIGINT', 'with all that it started'],
  [/\/exec\?\S*tcpdump/, 6, 'SIGKILL'],
  [/\/exec\?\S*tcpdump/, 6, 'SIGINT'],
];

const only = process.argv[2];
const before = leftOver();
const results = {};
if (!only || only === 'cut') results.cut = await inTheMiddle(({ api }) => api.cut());
if (!only || only === 'lost') results.lost = await inTheMiddle(lose);
if (!only || only === 'gone') results.gone = await inTheMiddle(({ api }) => api.close());
if (!only || only === 'interrupted') results.interrupted = await interrupted();
print(results);
process.exit(0);

function lose({ api }) {
  api.loseNode('node-b');
  api.cut();
}

/** Something happens while captures run. */
async function inTheMiddle(happen) {
  const cluster = await startCluster();
  const out = mkdtempSync('/run/out-');
  const run = cluster.start([...ARGS, '--out', out]);
  const captured = join(out, 'node-b/underlay.pcapng');

  let isOver = false;
  void run.result.then(() => {
    isOver = true;
  });
  await until(() => isOver || (existsSync(captured) && read(captured).length > 300));
  await happen(cluster);
  const result = await run.result;
  const pods = await podsLeft(cluster).catch(() => 'cannot be asked');
  await cluster.api.close();
  return {
    ...result,
    files: filesIn(out),
    analyzed: await stalesum(['analyze', out, '--json']),
    pods,
    left: await settled(before),
  };
}

async function interrupted() {
  const cluster = await startCluster();
  const { requests } = cluster.api;
  const results = [];
  for (const [words, times, signal, withAll] of MOMENTS) {
    requests.length = 0;
    // As from a terminal, which sends its interrupt to all processes of the group.
    const run = cluster.start(ARGS, { prefix: withAll ? ['setsid'] : [] });
    await until(() => requests.filter(text => words.test(text)).length >= times);
    process.kill(withAll ? -run.child.pid : run.child.pid, signal);
    const { outcome, stderr } = await run.result;
    const pods = await podsLeft(cluster, signal === 'SIGKILL' ? 30 : 0);
    const moment = `${words} ${times}`;
    results.push({ moment, signal, outcome, stderr, pods, left: await settled(before) });
  }
  await cluster.api.close();
  return results;
}
