/** dist/, built from src/ by tsc. */
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

/** What decides the result, beside src/: the lock file names the compiler's version. */
const settings = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];

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
  const { exitCode, output } = await compile(root, fresh, owner);
  if (exitCode !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    throw new SetupFault(70, 'the build failed', output);
  }
  if (existsSync(programIn(fresh))) chmodSync(programIn(fresh), 0o755);
  writeFileSync(stampIn(fresh), built);
  handOver(stampIn(fresh), owner);
  replace(join(root, 'dist'), fresh, join(root, '.setup-old-dist'));
}

function compile(root, folder, owner) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', folder];
  return withEnvironmentOf(owner, process.env, env =>
    runStep(process.execPath, args, { cwd: root, env, owner }),
  );
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
  for (const file of [...settings, ...filesUnder(root, 'src')]) {
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
