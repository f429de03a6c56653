/** The steps of the set-up in their order; ../setup.mjs says what they are for. */
import { build, buildIsCurrent } from './build.mjs';
import { foreignOwner } from './clone.mjs';
import { dependenciesAreCurrent, installDependencies } from './dependencies.mjs';
import { SetupFault, say } from './fault.mjs';
import { canInstallTools, installTools } from './install-tools.mjs';
import { withLock } from './lock.mjs';
import { howToInstall, missingTools, searchFolders } from './tools.mjs';

/**
 * Makes the clone at `root` ready for a purpose: 'reproduce', 'tests', or 'nodes' for a program whose tools are
 * elsewhere. Returns the tools that are missing still; with `whenMissing: 'stop'` it throws instead.
 */
export async function setUp({ root, purpose, whenMissing, folders = searchFolders() }) {
  const missing = missingTools(purpose, folders);
  const installTheTools = missing.length > 0 && canInstallTools(folders);
  if (missing.length > 0 && !installTheTools) {
    complain(new SetupFault(69, howToInstall(missing)), whenMissing);
  }
  // Looked at before the lock is taken, so that a clone that is ready need not be writable.
  if (installTheTools || !dependenciesAreCurrent(root) || !buildIsCurrent(root)) {
    const owner = foreignOwner(root);
    await withLock(root, owner, async () => {
      if (installTheTools) await tryToInstall(purpose, folders, whenMissing);
      if (!dependenciesAreCurrent(root)) await installDependencies(root, owner);
      if (!buildIsCurrent(root)) await build(root, owner);
    });
  }
  return missingTools(purpose, folders);
}

/** Whoever held the lock before may have installed them. */
async function tryToInstall(purpose, folders, whenMissing) {
  if (missingTools(purpose, folders).length === 0) return;
  try {
    await installTools(purpose, folders);
  } catch (fault) {
    if (!(fault instanceof SetupFault) || fault.exitCode !== 69) throw fault;
    complain(fault, whenMissing);
  }
}

function complain(fault, whenMissing) {
  if (whenMissing === 'stop') throw fault;
  process.stderr.write(fault.details);
  say(fault.message);
}
