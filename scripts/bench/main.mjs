/** What `npm run bench` does: see the head of ../bench.mjs. */
import { spawnSync } from 'node:child_process';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { cloneRoot } from '../setup/clone.mjs';
import { setUp } from '../setup/set-up.mjs';

const RUNS = 11;
const RECORDING = 'captures/linux-6.18.44/udpcsum-fixed-port';

export async function main(args) {
  await setUp({ root: cloneRoot, purpose: 'reproduce', whenMissing: 'stop' });
  const json = args.includes('--json');
  const cli = join(cloneRoot, 'dist', 'cli.js');
  const result = {
    machine: `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`,
    start: {
      help: wallTimes([cli, '--help']),
      analyze: wallTimes([cli, 'analyze', '--json', join(cloneRoot, RECORDING)]),
    },
    live: live(),
  };
  if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  else print(result);
  return result.live.lost === 0 ? 0 : 1;
}

/** Wall seconds of a whole process: minimum, median and maximum over several runs after one warm-up. */
function wallTimes(args) {
  const seconds = Array.from({ length: RUNS + 1 }, () => {
    const started = process.hrtime.bigint();
    spawnSync(process.execPath, args, { stdio: 'ignore' });
    return Number(process.hrtime.bigint() - started) / 1e9;
  }).slice(1);
  seconds.sort((a, b) => a - b);
  return { min: seconds[0], median: seconds[Math.floor(RUNS / 2)], max: seconds[RUNS - 1] };
}

function live() {
  const script = join(cloneRoot, 'scripts', 'bench', 'live.mjs');
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, '--json'], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(`the live bench ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

function print({ machine, start: { help, analyze }, live: figures }) {
  const times = ({ min, median, max }) =>
    [min, median, max].map(seconds => `${seconds.toFixed(3)} s`).join(', ');
  const lines = [
    machine,
    `start    --help                 ${times(help)}   (min, median, max of ${RUNS})`,
    `start    analyze, 4 captures    ${times(analyze)}`,
    ...Object.entries(figures).map(
      ([name, value]) => `live     ${name.padEnd(22)} ${format(value)}`,
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function format(value) {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
