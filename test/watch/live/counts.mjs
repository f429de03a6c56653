// Two interfaces, watched where they send: first healthy datagrams without checksums, then a mix with one
// stale datagram in a hundred. tcpdump counts beside.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bringUp, ip, makeLink } from '../../capture/live/world.mjs';
import { metricsOf, print, send, startWatch } from './watching.mjs';

const PACKETS = 100_000;
const FILTER = 'udp dst port 8472 and udp[6:2] != 0';

makeLink();
ip('link', 'add', 'l1', 'netns', 'left', 'type', 'veth', 'peer', 'name', 'r1', 'netns', 'right');
bringUp('left', 'l1');
bringUp('right', 'r1');
const folder = mkdtempSync(join(tmpdir(), 'stalesum-watch-test-'));
try {
  const evidence = join(folder, 'evidence');
  const watch = await startWatch(['l0', 'l1', '--metrics', '0', '--evidence', evidence], 'left');
  const counter = await startTcpdump();
  const both = mix => Promise.all(['l0', 'l1'].map(name => send('left', name, PACKETS, mix)));
  const zero = await both('zero');
  const afterZero = await settled(watch, 0);
  const stale = await both('one-percent-stale');
  const afterStale = await settled(watch, PACKETS / 100);
  const counted = await counter.end();
  const metrics = await metricsOf(watch);
  const { outcome, stderr } = await watch.end();
  const files = readdirSync(evidence).sort();
  const verdict = analyze(evidence);
  const killed = await killedWatch(join(folder, 'killed'));
  print({
    sent: [...zero, ...stale].map(({ sent }) => sent),
    afterZero: afterZero.values,
    afterStale: afterStale.values,
    page: metrics.page,
    events: watch.events,
    outcome,
    stderr,
    counted,
    files,
    verdict,
    killed,
  });
} finally {
  rmSync(folder, { recursive: true });
}

/** What is left of the evidence of a watch that is killed with its first finding. */
async function killedWatch(evidence) {
  const watch = await startWatch(['l0', '--evidence', evidence], 'left');
  await send('left', 'l0', 100, 'one-percent-stale');
  await watch.until(({ event }) => event === 'stale');
  const { outcome } = await watch.end('SIGKILL');
  return { outcome, ...analyze(evidence) };
}

/** The metrics once each interface has so many stale datagrams, or has had the time for them. */
async function settled(watch, stale) {
  for (let tries = 0; ; tries++) {
    const metrics = await metricsOf(watch);
    const found = ['l0', 'l1'].map(
      name => metrics.values[`stalesum_stale_datagrams_total{interface="${name}",direction="out"}`],
    );
    if ((stale > 0 && found.every(count => count >= stale)) || tries === 30) return metrics;
    await sleep(stale > 0 ? 200 : 20);
  }
}

/** On l0, whatever has a checksum in use; how many, and how many of them tshark finds to be bad. */
async function startTcpdump() {
  const file = join(folder, 'l0.pcap');
  const args = ['--net=/run/netns/left', 'tcpdump', '-i', 'l0', '-p', '-U', '-w', file, FILTER];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  await new Promise(resolve => {
    child.stderr.on('data', chunk => {
      words += chunk;
      if (words.includes('listening on')) resolve();
    });
  });
  return {
    end: async () => {
      // What the kernel still holds is lost to tcpdump when it is told to end.
      await sleep(1500);
      child.kill('SIGINT');
      await once(child, 'close');
      const tshark = (...filter) =>
        execFileSync(
          'tshark',
          [
            '-r',
            file,
            '-o',
            'udp.check_checksum:TRUE',
            '-T',
            'fields',
            '-e',
            'frame.number',
          ].concat(filter),
          { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 26 },
        )
          .split('\n')
          .filter(line => line !== '').length;
      return {
        frames: tshark(),
        bad: tshark('-Y', 'udp.checksum.status == 0'),
        dropped: Number(/^(\d+) packets? dropped by kernel/m.exec(words)?.[1]),
      };
    },
  };
}

function analyze(path) {
  const cli = new URL('../../../dist/cli.js', import.meta.url).pathname;
  try {
    execFileSync(process.execPath, [cli, 'analyze', '--json', path], { encoding: 'utf8' });
  } catch ({ status, stdout }) {
    const { verdict, grade, flows, captures } = JSON.parse(stdout);
    return { status, verdict, grade, flows: flows.length, captures: captures.length };
  }
  return { status: 0 };
}
