/**
 * Which shared libraries a program is loaded with, read from the files as ld.so(8) does it. ldd would
 * run the program's own loader, and is not there on every system.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { StalesumError } from '../errors.js';
import { isX64Elf, readElf } from './elf.js';

/** Where both loaders look at last; musl has the first two. */
const DEFAULT_FOLDERS = [
  '/lib',
  '/usr/lib',
  '/lib64',
  '/usr/lib64',
  '/lib/x86_64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/local/lib',
];

/**
 * The loader and every library that a program or library needs, those of its libraries included, as
 * paths that may be links.
 *
 * @throws StalesumError `missing-tool` if one is nowhere
 */
export function sharedLibraries(
  program: string,
  folders: readonly string[] = systemFolders(),
): string[] {
  const found = new Set<string>();
  const waiting = [program];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const { interpreter, needed, runPath } = readElf(readFileSync(file));
    const own = (runPath ?? '')
      .split(':')
      .filter(folder => folder !== '')
      .map(folder => folder.replace(/\$ORIGIN|\$\{ORIGIN\}/g, dirname(file)));
    for (const name of needed) {
      const path = findLibrary(name, [...own, ...folders], interpreter);
      if (path === undefined) throw notFound(name, file);
      if (found.has(path)) continue;
      found.add(path);
      waiting.push(path);
    }
    if (interpreter !== undefined) found.add(interpreter);
  }
  return [...found];
}

/** The folders of the system's libraries, as its loader was told: /etc/ld.so.conf, or musl's. */
export function systemFolders(): string[] {
  const musl = readText('/etc/ld-musl-x86_64.path').split(/[\n:]/);
  const configured = [...foldersOf('/etc/ld.so.conf'), ...musl].filter(line => line !== '');
  return [...new Set([...configured, ...DEFAULT_FOLDERS])].filter(folder => existsSync(folder));
}

function foldersOf(file: string): string[] {
  return readText(file)
    .split('\n')
    .map(line => line.replace(/#.*/, '').trim())
    .filter(line => line !== '')
    .flatMap(line => {
      const [, pattern] = /^include\s+(\S+)/.exec(line) ?? [];
      return pattern === undefined ? [line] : filesLike(pattern).flatMap(foldersOf);
    });
}

/** `/etc/ld.so.conf.d/*.conf`: a star in the last part is all that is met. */
function filesLike(pattern: string): string[] {
  const folder = dirname(pattern);
  const [before = '', after] = basename(pattern).split('*');
  if (after === undefined) return [pattern];
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(name => name.startsWith(before) && name.endsWith(after))
    .sort()
    .map(name => join(folder, name));
}

function findLibrary(
  name: string,
  folders: readonly string[],
  interpreter: string | undefined,
): string | undefined {
  // With musl the loader is libc itself.
  if (interpreter !== undefined && basename(interpreter) === name) return interpreter;
  const candidates = name.includes('/') ? [name] : folders.map(folder => join(folder, name));
  return candidates.find(path => existsSync(path) && isX64Elf(readFileSync(path)));
}

function notFound(name: string, file: string): StalesumError {
  return new StalesumError('missing-tool', `${file} needs the library ${name}, which is nowhere`);
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
