/** What `npm test` does: see the head of ../test.mjs. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cloneRoot, foreignOwner, handOverFolder } from '../setup/clone.mjs';
import { runToEnd } from '../setup/process.mjs';
import { fetchPromtool } from '../setup/promtool.mjs';
import { setUp } from '../setup/set-up.mjs';
import { fetchTestKernel } from '../setup/test-kernel.mjs';
import { searchFolders } from '../setup/tools.mjs';

const vitest = join(cloneRoot, 'node_modules', 'vitest', 'vitest.mjs');
const reporter = fileURLToPath(new URL('reporter.mjs', import.meta.url));

export async function main(args) {
  const whenMissing = process.env.STALESUM_REQUIRE_LIVE === '1' ? 'stop' : 'go-on';
  await setUp({ root: cloneRoot, purpose: 'tests', whenMissing });
  await fetchTestKernel(cloneRoot, searchFolders());
  await fetchPromtool(cloneRoot, searchFolders());
  const reporters = [
    ...(args.some(isReporter) ? [] : ['--reporter=default']),
    `--reporter=${reporter}`,
  ];
  const { exitCode } = await runToEnd(process.execPath, [vitest, 'run', ...reporters, ...args], {
    cwd: cloneRoot,
    stdio: 'inherit',
  });
  // Vite keeps its caches there.
  for (const cache of ['.vite', '.vite-temp']) {
    handOverFolder(join(cloneRoot, 'node_modules', cache), foreignOwner(cloneRoot));
  }
  return exitCode;
}

function isReporter(arg) {
  return arg === '--reporter' || arg.startsWith('--reporter=');
}
