/**
 * A kernel of Debian's for the tests of `--kernel`: downloaded and unpacked inside node_modules, not installed.
 * Elsewhere STALESUM_TEST_KERNEL names an image, with its modules beside it as distributions have them.
 */
import { fetchPackage, packageFolder } from './debian-package.mjs';
import { runStep } from './process.mjs';

/** Depends on the newest kernel of its kind, the one with the fewest modules. */
const metaPackage = 'linux-image-cloud-amd64';

export const testKernelFolder = root => packageFolder(root, 'kernel');

/** Does nothing where a kernel is there already, or none can be had: then the tests say so. */
export async function fetchTestKernel(root, folders) {
  if (process.env.STALESUM_TEST_KERNEL !== undefined || process.arch !== 'x64') return;
  const without = 'no kernel for the tests of --kernel';
  await fetchPackage({ root, folders, name: 'kernel', findName, without });
}

async function findName() {
  const { output } = await runStep('apt-cache', ['depends', metaPackage], {});
  const [, name] = /^ *Depends: (linux-image-\S+)$/m.exec(output) ?? [];
  return { name, fault: `apt-cache knows no ${metaPackage}` };
}
