/** Installs missing system tools with apt-get, where that is possible. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupFault, say } from './fault.mjs';
import { runStep } from './process.mjs';
import { findCommand, howToInstall, missingTools, packagesOf, withoutServices } from './tools.mjs';

export function canInstallTools(folders) {
  return process.getuid?.() === 0 && findCommand('apt-get', folders) !== undefined;
}

/** Installs, looks again, and throws with what is missing still. */
export async function installTools(purpose, folders) {
  const packages = packagesOf(withoutServices(missingTools(purpose, folders)), 'apt');
  const output = packages.length === 0 ? '' : await installPackages(packages);
  const missing = missingTools(purpose, folders);
  if (missing.length === 0) return;
  const reason =
    packages.length === 0
      ? 'what starts a service is not installed unasked'
      : 'apt-get did not bring every tool';
  throw new SetupFault(69, `${reason}; ${howToInstall(missing)}`, output);
}

function installPackages(packages) {
  say(`apt-get install ${packages.join(' ')}`);
  return installWithApt(packages);
}

/**
 * The package lists are fetched only when it does not work without: a fresh container has none, and old
 * ones name versions that the mirror has no more. Returns what apt-get said of the last attempt; whether it
 * helped is seen by looking, since `apt-get update` also calls it a success when no mirror answered.
 */
async function installWithApt(packages) {
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  const first = await aptGet(install);
  if (first.exitCode === 0) return first.output;
  const update = await fetchPackageLists();
  const second = await aptGet(install);
  return update.output + second.output;
}

/** For the lock on its lists apt-get does not wait by itself. */
async function fetchPackageLists() {
  for (let tries = 1; ; tries++) {
    const update = await aptGet(['update']);
    if (!update.output.includes('/lists/lock') || tries === 150) return update;
    await sleep(2000);
  }
}

/** Another apt or dpkg at work, as on a machine that has just started, is waited for. */
function aptGet(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return runStep('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', ...args], { env });
}
