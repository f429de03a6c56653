/** How fast captures are analysed, beside others that read the same files. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { cloneRoot } from '../setup/clone.mjs';
import { contenders } from './contenders.mjs';
import { makeCapture } from './make-capture.mjs';
import { measure, median } from './measure.mjs';
import { memory } from './memory.mjs';

/**
 * Runs all contenders in turn, `rounds` times, on each of the captures:
 * `{ captures: [{ shape, known, contenders: [...] }], ratios, memory, disagreements }`.
 */
export async function offline({ packets, rounds, seed, say }) {
  const folder = mkdtempSync(join(tmpdir(), 'stalesum-bench-'));
  try {
    const captures = [];
    for (const shape of ['mixed', 'small']) {
      const file = join(folder, `${shape}.pcap`);
      say(`making a capture of ${packets} ${shape} packets`);
      const known = makeCapture(file, { packets, shape, seed, flows: 800 });
      // The small ones show what a packet costs that is hardly any sum; nobody needs to wait for tshark twice.
      const all = contenders(folder).filter(({ isSlow }) => shape === 'mixed' || !isSlow);
      captures.push({ shape, known, contenders: await inTurn(all, file, known, rounds, say) });
    }
    const mixed = join(folder, 'mixed.pcap');
    return {
      captures,
      ratios: ratios(captures[0].contenders),
      secondCore: secondCore(mixed, say),
      memory: await memory(folder, { packets, seed, mixed, say }),
      disagreements: captures.flatMap(({ contenders }) =>
        contenders.flatMap(({ name, disagreement }) =>
          disagreement ? [{ name, disagreement }] : [],
        ),
      ),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function inTurn(all, file, known, rounds, say) {
  const runs = new Map(all.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const contender of all) {
      if (contender.isSlow && round > 1) continue;
      say(`round ${round} of ${rounds}: ${contender.name}`);
      runs.get(contender.name).push(await measure(contender.command(file), contender));
    }
  }
  const results = [];
  for (const contender of all) {
    results.push(await resultOf(contender, runs.get(contender.name), file, known));
  }
  return results;
}

async function resultOf({ name, counts, countedBy }, runs, file, known) {
  const stdout = countedBy
    ? (await measure(countedBy(file), { isKept: true })).stdout
    : runs[0].stdout;
  const found = counts?.(stdout, known);
  const wallSeconds = median(runs.map(run => run.wallSeconds));
  return {
    name,
    runs: runs.length,
    wallSeconds,
    cpuSeconds: median(runs.map(run => run.cpuSeconds)),
    packetsPerSecond: Math.round(known.packets / wallSeconds),
    peakMegabytes: Math.round(Math.max(...runs.map(run => run.peakMegabytes))),
    countsAgree: found ? isDeepStrictEqual(found.said, found.due) : null,
    disagreement: found && !isDeepStrictEqual(found.said, found.due) ? found : null,
  };
}

/** Packets a second against others', CPU against that of C. All is of whole processes, their start included. */
function ratios(results) {
  const of = name => results.find(result => result.name === name);
  const [one, two] = [of('stalesum, one core'), of('stalesum, two cores')];
  const times = (a, b) => (a && b ? a.packetsPerSecond / b.packetsPerSecond : null);
  const sums = of('C -O3, sums alone');
  const reading = of('node, reading alone');
  return {
    packetsPerSecondToTshark: times(one, of('tshark')),
    packetsPerSecondToTcpdump: times(one, of('tcpdump -vv')),
    packetsPerSecondToTsharkOnTwoCores: times(two, of('tshark')),
    packetsPerSecondToTcpdumpOnTwoCores: times(two, of('tcpdump -vv')),
    cpuToC: sums ? one.cpuSeconds / sums.cpuSeconds : null,
    cpuOfReadingAloneToC: sums ? reading.cpuSeconds / sums.cpuSeconds : null,
  };
}

/** Readings by one thread and by two, in processes that have started: how many times faster two are. */
function secondCore(file, say) {
  const seconds = (threads, sha256) => {
    say(
      `readings by ${threads === 1 ? 'one thread' : 'two threads'}${sha256 ? ' with SHA-256' : ''}`,
    );
    const script = join(cloneRoot, 'scripts', 'bench', 'scaling.mjs');
    const args = [script, file, String(threads), String(sha256)];
    return median(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })));
  };
  return Object.fromEntries(
    [false, true].map(sha256 => {
      const [one, two] = [seconds(1, sha256), seconds(2, sha256)];
      return [sha256 ? 'withSha256' : 'withoutSha256', { one, two, timesFaster: one / two }];
    }),
  );
}
