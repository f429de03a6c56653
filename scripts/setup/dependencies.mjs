/** node_modules, exactly as package-lock.json says. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { handOver, withEnvironmentOf } from './clone.mjs';
import { SetupFault, say } from './fault.mjs';
import { runStep } from './process.mjs';

const stampOf = root => join(root, 'node_modules', '.stalesum-setup');

/** A package that the very next step needs: `rm -r node_modules/*` leaves the stamp, which begins with a dot. */
const witnessOf = root => join(root, 'node_modules', 'typescript', 'package.json');

export function dependenciesAreCurrent(root) {
  if (!existsSync(stampOf(root)) || !existsSync(witnessOf(root))) return false;
  return readFileSync(stampOf(root), 'utf8') === stamp(root);
}

/** The stamp goes first and comes back last, so an `npm ci` that was cut short is run again. */
export async function installDependencies(root, owner) {
  say('npm ci');
  rmSync(stampOf(root), { force: true });
  const { exitCode, output } = await npmCi(root, owner);
  if (exitCode !== 0) throw new SetupFault(69, 'npm ci failed', beginningOf(output));
  if (!existsSync(witnessOf(root))) {
    throw new SetupFault(69, "npm ci installed nothing: look at npm's own settings", output);
  }
  writeFileSync(stampOf(root), stamp(root));
  handOver(stampOf(root), owner);
}

/** npm says what is wrong first, and may print its whole usage after that. */
function beginningOf(output) {
  const lines = output.trimEnd().split('\n');
  return lines.length <= 30 ? output : `${lines.slice(0, 30).join('\n')}\n...`;
}

/** Packages with compiled parts depend on the platform and on Node's ABI. */
function stamp(root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${lock} ${process.versions.modules} ${process.platform} ${process.arch} ${libc()}\n`;
}

/** The libc that Node itself is linked to; its dynamic loader is named in the first page of the file. */
function libc() {
  const page = Buffer.alloc(4096);
  const file = openSync(process.execPath, 'r');
  readSync(file, page, 0, page.length, 0);
  closeSync(file);
  return page.includes('ld-musl') ? 'musl' : 'glibc';
}

/**
 * Never `npm install`, which may write the lock file. Development packages also under NODE_ENV=production,
 * since the compiler is one; and errors also under `npm run -s`, which silences this npm too.
 */
async function npmCi(root, owner) {
  const [command, ...args] = npm();
  args.push(
    'ci',
    '--ignore-scripts',
    '--include=dev',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  );
  try {
    return await withEnvironmentOf(owner, process.env, env =>
      runStep(command, args, { cwd: root, env, owner }),
    );
  } catch (fault) {
    if (fault.code === 'ENOENT') throw new SetupFault(69, 'npm is missing: it is not on the PATH');
    throw fault;
  }
}

/** The npm that runs us, if one does (npm_execpath is also set by other package managers, to themselves). */
function npm() {
  const script = process.env.npm_execpath;
  return script?.endsWith('npm-cli.js') ? [process.execPath, script] : ['npm'];
}
