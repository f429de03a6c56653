/** What `npm run bench` does: see the head of ../bench.mjs. */
import { spawnSync } from 'node:child_process';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cloneRoot } from '../setup/clone.mjs';
import { setUp } from '../setup/set-up.mjs';
import { ownEnvironment } from './measure.mjs';
import { offline } from './offline.mjs';
import { print } from './print.mjs';

const PARTS = ['offline', 'start', 'live', 'watch'];
const RUNS = 11;
const RECORDING = 'captures/linux-6.18.44/udpcsum-fixed-port/node-a/underlay.pcap';

export async function main(args) {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: PARTS },
      packets: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '3' },
      seed: { type: 'string', default: '1' },
    },
  });
  const has = part => values.only.includes(part);
  await setUp({ root: cloneRoot, purpose: 'reproduce', whenMissing: 'stop' });
  const say = text => process.stderr.write(`bench: ${text}\n`);
  const [packets, rounds, seed] = ['packets', 'rounds', 'seed'].map(name => Number(values[name]));
  const result = {
    machine: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`,
    ...(has('offline') ? { offline: await offline({ packets, rounds, seed, say }) } : {}),
    ...(has('start') ? { start: startTimes() } : {}),
    ...(has('live') ? { live: inLab('live.mjs') } : {}),
    ...(has('watch') ? { watch: inLab('watch.mjs') } : {}),
  };
  if (values.json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else process.stdout.write(print(result));
  const isWrong = (result.offline?.disagreements.length ?? 0) > 0;
  const isLost = (result.live?.lost ?? 0) > 0 || (result.watch?.wrong.length ?? 0) > 0;
  return isWrong || isLost ? 1 : 0;
}

/** Wall seconds of whole processes; node alone is what no program in it can go below. */
function startTimes() {
  const cli = join(cloneRoot, 'dist', 'cli.js');
  return {
    runs: RUNS,
    node: wallTimes(['-e', '0']),
    help: wallTimes([cli, '--help']),
    analyze: wallTimes([cli, 'analyze', join(cloneRoot, RECORDING)]),
  };
}

/** Minimum, median and maximum over several runs after one warm-up. */
function wallTimes(args) {
  const seconds = Array.from({ length: RUNS + 1 }, () => {
    const started = process.hrtime.bigint();
    spawnSync(process.execPath, args, { stdio: 'ignore', env: ownEnvironment() });
    return Number(process.hrtime.bigint() - started) / 1e9;
  }).slice(1);
  seconds.sort((a, b) => a - b);
  return { min: seconds[0], median: seconds[Math.floor(RUNS / 2)], max: seconds[RUNS - 1] };
}

function inLab(name) {
  const script = join(cloneRoot, 'scripts', 'bench', name);
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, '--json'], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(`${name} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}
