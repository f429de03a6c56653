/** dist/, built from src/ by tsc and rolldown, and from assembly/ by the AssemblyScript compiler. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { handOver, withEnvironmentOf } from './clone.mjs';
import { SetupFault, say } from './fault.mjs';
import { runStep } from './process.mjs';

/** What decides the result, beside src/ and assembly/: the lock file names the compilers' versions. */
const settings = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/bundle.mjs',
];

const stampIn = folder => join(folder, '.stalesum-build');
const programIn = folder => join(folder, 'cli.js');

export function buildIsCurrent(root) {
  const dist = join(root, 'dist');
  if (!existsSync(stampIn(dist)) || !existsSync(programIn(dist))) return false;
  return readFileSync(stampIn(dist), 'utf8') === stamp(root);
}

/**
 * Builds beside dist and then takes its place, so no file of an older build stays, a failed build changes
 * nothing, and whoever runs dist/cli.js meanwhile finds it whole.
 */
export async function build(root, owner) {
  say('tsc');
  const fresh = join(root, '.setup-dist');
  rmSync(fresh, { recursive: true, force: true });
  const built = stamp(root);
  const { exitCode, output } = await compileAll(root, fresh, owner);
  if (exitCode !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw new SetupFault(70, 'the build failed', output);
  }
  if (existsSync(programIn(fresh))) chmodSync(programIn(fresh), 0o755);
  writeFileSync(stampIn(fresh), built);
  handOver(stampIn(fresh), owner);
  replace(join(root, 'dist'), fresh, join(root, '.setup-old-dist'));
}

/** The program as modules, its command line in fewer files, and the kernel that it runs on large captures. */
async function compileAll(root, folder, owner) {
  const compile = args =>
    withEnvironmentOf(owner, process.env, env =>
      runStep(process.execPath, args, { cwd: root, env, owner }),
    );
  const modules = join(root, 'node_modules');
  const tsc = join(modules, 'typescript', 'bin', 'tsc');
  const program = await compile([tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', folder]);
  if (program.exitCode !== 0) return program;
  const bundle = await compile([join(root, 'scripts', 'bundle.mjs'), folder]);
  if (bundle.exitCode !== 0) return bundle;
  const asc = join(modules, 'assemblyscript', 'bin', 'asc.js');
  const kernel = ['--config', 'assembly/asconfig.json', '--outFile', join(folder, 'kernel.wasm')];
  return compile([asc, ...kernel]);
}

function replace(folder, fresh, aside) {
  rmSync(aside, { recursive: true, force: true });
  if (existsSync(folder)) renameSync(folder, aside);
  renameSync(fresh, folder);
  rmSync(aside, { recursive: true, force: true });
}

/** A hash over names and contents: a checkout may set any time of modification. */
function stamp(root) {
  const hash = createHash('sha256');
  const sources = ['src', 'assembly'].flatMap(folder => filesUnder(root, folder));
  for (const file of [...settings, ...sources]) {
    const bytes = readFileSync(join(root, file));
    hash.update(`${file}\0${bytes.length}\0`).update(bytes);
  }
  return `${hash.digest('hex')}\n`;
}

function filesUnder(root, folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}
