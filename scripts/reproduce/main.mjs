/** What `npm run reproduce` does: see the head of ../reproduce.mjs. */
import { join } from 'node:path';
import { cloneRoot } from '../setup/clone.mjs';
import { runToEnd } from '../setup/process.mjs';
import { setUp } from '../setup/set-up.mjs';
import { hintAtSwallowedOptions, optionValue } from './arguments.mjs';

const program = join(cloneRoot, 'dist', 'cli.js');
const recording = 'captures/linux-6.18.44/double-snat-udpcsum';
const notPermitted = 77;

export async function main(args) {
  hintAtSwallowedOptions(args, process.env);
  const inLab =
    optionValue(args, '--from') === undefined && optionValue(args, '--to') === undefined;
  await setUp({ root: cloneRoot, purpose: inLab ? 'reproduce' : 'nodes', whenMissing: 'stop' });
  const exitCode = await stalesum(['reproduce', '--as-expected', ...args], 'inherit');
  const scenario = optionValue(args, '--scenario') ?? 'unpatched';
  if (exitCode === notPermitted && inLab && scenario === 'unpatched') await showRecording(args);
  return exitCode;
}

async function showRecording(args) {
  const tell = line => process.stderr.write(`${line}\n`);
  tell(`\nNOT from this machine: ${recording}, a recording of a real kernel, Linux 6.18.44.`);
  if (args.includes('--json')) {
    tell(`For its verdict: node dist/cli.js analyze --json ${recording}`);
    return;
  }
  tell('Its analysis follows.\n');
  const passedOn = args.filter(arg => arg === '--no-color' || arg === '--quiet');
  await stalesum(['analyze', ...passedOn, join(cloneRoot, recording)], ['ignore', 2, 2]);
}

function stalesum(args, stdio) {
  return runToEnd(process.execPath, [program, ...args], { stdio }).then(({ exitCode }) => exitCode);
}
