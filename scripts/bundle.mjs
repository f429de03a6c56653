/**
 * Puts the modules of the command line together into few files, since finding and loading some hundred takes
 * Node longer than a small capture takes stalesum: `node scripts/bundle.mjs FOLDER`, behind tsc into the
 * same folder. What tsc made there stays, for who imports stalesum and for programs that are run on their
 * own; FOLDER/cli.js and the thread's program are replaced.
 *
 * Packages without native code are put in as well; their licences are in node_modules, where they remain
 * dependencies. `node --enable-source-maps` shows traces in the terms of src/.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const SOURCES = fileURLToPath(new URL('../src', import.meta.url));
const [folder] = process.argv.slice(2);

const common = { platform: 'node', external: ['koffi', 'pcap'], tsconfig: false };

/**
 * What every call loads, and what `analyze` loads beside it, each with all that it needs, are one file; for
 * the rest, files are as many as its commands' common parts make necessary.
 */
const groups = [
  { name: 'program', test: /\/src\/program(\/[\w-]+)?\.ts$/, priority: 2 },
  { name: 'analyze', test: /\/src\/commands\/analyze\.ts$/, priority: 1 },
];

await build({
  ...common,
  input: { cli: join(SOURCES, 'cli.ts') },
  output: {
    dir: folder,
    entryFileNames: '[name].js',
    chunkFileNames: 'bundle/[name].js',
    codeSplitting: { groups },
    sourcemap: true,
  },
});

await build({
  ...common,
  input: join(SOURCES, 'pipeline', 'thread.ts'),
  output: { file: join(folder, 'pipeline', 'thread.js'), codeSplitting: false, sourcemap: true },
});
