// Measures docs/mitigations.md anew: the part between its markers is what this kernel shows.
//   node scripts/mitigations.mjs     (after npm run build; takes a minute or two)
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';

const DOCUMENT = fileURLToPath(new URL('../docs/mitigations.md', import.meta.url));
const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const BEGIN = /<!-- begin: .*? -->\n/;
const END = '<!-- end -->';

const { status, stdout } = spawnSync(process.execPath, [CLI, 'matrix', '--format', 'markdown'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (status !== 0) {
  console.error(`the matrix ended with exit code ${status}; docs/mitigations.md stays as it is`);
  process.exit(1);
}
const text = readFileSync(DOCUMENT, 'utf8');
const begin = BEGIN.exec(text);
const end = text.indexOf(END);
if (!begin || end < 0) throw new Error(`${DOCUMENT} has lost its markers`);
const before = text.slice(0, begin.index + begin[0].length);
// What follows the version is of this machine.
const version = /^\d+\.\d+(\.\d+)?/.exec(release())?.[0] ?? release();
const measured = stdout.replaceAll(release(), version);
writeFileSync(DOCUMENT, `${before}\n${measured}\n${text.slice(end)}`);
