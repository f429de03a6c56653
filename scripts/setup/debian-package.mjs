/**
 * Debian packages of which the tests use a file or two: downloaded and unpacked inside node_modules, not
 * installed. So no service of theirs is started, and nothing of the system changes.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { foreignOwner, handOverFolder } from './clone.mjs';
import { say } from './fault.mjs';
import { runStep } from './process.mjs';
import { findCommand } from './tools.mjs';

/** Where `fetchPackage` unpacks what is called `name`. */
export const packageFolder = (root, name) =>
  join(root, 'node_modules', '.cache', `stalesum-${name}`);

/**
 * Unpacks a package, unless it is there already. Where it cannot be had, says `without` and why.
 *
 * @param findName gives the package's name, or throws if the lists do not know it
 * @param prune is given the folder with what was unpacked, to take away what nobody needs
 */
export async function fetchPackage({ root, folders, name, findName, without, prune }) {
  const target = packageFolder(root, name);
  const tools = ['apt-get', 'apt-cache', 'dpkg-deb'].map(tool => findCommand(tool, folders));
  if (existsSync(target) || tools.includes(undefined)) return;
  const cache = join(target, '..');
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, `${name}-`));
  try {
    const fault = (await download(work, findName)) ?? (await unpack(work));
    if (fault === undefined) {
      prune?.(join(work, 'unpacked'));
      putInPlace(join(work, 'unpacked'), target);
    } else say(`${without}: ${fault}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
    handOverFolder(cache, foreignOwner(root));
  }
}

/** A second set-up may have been quicker; what it unpacked is as good. */
function putInPlace(unpacked, target) {
  try {
    renameSync(unpacked, target);
  } catch (fault) {
    if (!existsSync(target)) throw fault;
  }
}

/** What went wrong, or undefined. Package lists may name versions that the mirror has no more. */
async function download(work, findName) {
  const first = await tryDownload(work, findName);
  if (first === undefined || process.getuid?.() !== 0) return first;
  await runStep('apt-get', ['-q', 'update'], {});
  return tryDownload(work, findName);
}

async function tryDownload(cwd, findName) {
  const { name, fault } = await findName();
  if (name === undefined) return fault;
  say(`apt-get download ${name}`);
  const answer = await runStep('apt-get', ['-q', 'download', name], { cwd });
  return answer.exitCode === 0 ? undefined : lastLine(answer.output);
}

async function unpack(cwd) {
  const [archive] = readdirSync(cwd).filter(name => name.endsWith('.deb'));
  const { exitCode, output } = await runStep('dpkg-deb', ['-x', archive, 'unpacked'], { cwd });
  return exitCode === 0 ? undefined : lastLine(output);
}

function lastLine(output) {
  return output.trim().split('\n').at(-1);
}
