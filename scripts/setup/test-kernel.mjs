/**
 * A kernel of Debian's for the tests of `--kernel`: downloaded and unpacked inside node_modules, not installed.
 * Elsewhere STALESUM_TEST_KERNEL names an image, with its modules beside it as distributions have them.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { foreignOwner, handOverFolder } from './clone.mjs';
import { say } from './fault.mjs';
import { runStep } from './process.mjs';
import { findCommand } from './tools.mjs';

/** Depends on the newest kernel of its kind, the one with the fewest modules. */
const metaPackage = 'linux-image-cloud-amd64';

export const testKernelFolder = root => join(root, 'node_modules', '.cache', 'stalesum-kernel');

/** Does nothing where a kernel is there already, or none can be had: then the tests say so. */
export async function fetchTestKernel(root, folders) {
  const target = testKernelFolder(root);
  const tools = ['apt-get', 'apt-cache', 'dpkg-deb'].map(name => findCommand(name, folders));
  const wanted = process.env.STALESUM_TEST_KERNEL === undefined && process.arch === 'x64';
  if (!wanted || existsSync(target) || tools.includes(undefined)) return;
  const cache = join(target, '..');
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'kernel-'));
  try {
    const fault = (await download(work)) ?? (await unpack(work));
    if (fault === undefined) putInPlace(join(work, 'kernel'), target);
    else say(`no kernel for the tests of --kernel: ${fault}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
    handOverFolder(cache, foreignOwner(root));
  }
}

/** A second set-up may have been quicker; its kernel is as good. */
function putInPlace(unpacked, target) {
  try {
    renameSync(unpacked, target);
  } catch (fault) {
    if (!existsSync(target)) throw fault;
  }
}

/** What went wrong, or undefined. Package lists may name versions that the mirror has no more. */
async function download(work) {
  const first = await tryDownload(work);
  if (first === undefined || process.getuid?.() !== 0) return first;
  await runStep('apt-get', ['-q', 'update'], {});
  return tryDownload(work);
}

async function tryDownload(cwd) {
  const { output } = await runStep('apt-cache', ['depends', metaPackage], {});
  const [, name] = /^ *Depends: (linux-image-\S+)$/m.exec(output) ?? [];
  if (name === undefined) return `apt-cache knows no ${metaPackage}`;
  say(`apt-get download ${name}`);
  const answer = await runStep('apt-get', ['-q', 'download', name], { cwd });
  return answer.exitCode === 0 ? undefined : lastLine(answer.output);
}

async function unpack(cwd) {
  const [archive] = readdirSync(cwd).filter(name => name.endsWith('.deb'));
  const { exitCode, output } = await runStep('dpkg-deb', ['-x', archive, 'kernel'], { cwd });
  return exitCode === 0 ? undefined : lastLine(output);
}

function lastLine(output) {
  return output.trim().split('\n').at(-1);
}
