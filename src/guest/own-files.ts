/** This program itself, as the guest gets it: dist, and the packages that it needs when it runs. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StalesumError } from '../errors.js';
import { PACKAGE_ROOT } from '../package-root.js';
import type { GuestFiles } from './guest-files.js';

/** Of no use where nothing is compiled or debugged. */
const NOT_NEEDED = /\.(d\.[cm]?ts|map|md)$/;

/** @throws StalesumError `missing-tool` if a package is not installed */
export function addOwnFiles(files: GuestFiles): void {
  const wanted = (path: string) => !NOT_NEEDED.test(path) && !path.endsWith('/node_modules');
  files.copy(join(PACKAGE_ROOT, 'package.json'));
  files.copy(join(PACKAGE_ROOT, 'dist'), wanted);
  for (const folder of packagesNeededBy(PACKAGE_ROOT)) {
    files.copy(folder, wanted);
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (name.endsWith('.node')) files.addLibrariesOf(join(folder, name));
    }
  }
}

/** The folders of all packages that one needs when it runs, those of its packages included. */
export function packagesNeededBy(root: string): string[] {
  const found = new Set<string>();
  const waiting = [root];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const { dependencies = {}, optionalDependencies = {} } = readPackage(folder);
    // npm lists what is optional in both.
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const path = findPackage(name, folder);
      if (path === undefined) {
        if (name in optionalDependencies) continue;
        throw new StalesumError(
          'missing-tool',
          `the package ${name}, which ${folder} needs, is not installed`,
          'npm ci installs it',
        );
      }
      if (found.has(path)) continue;
      found.add(path);
      waiting.push(path);
    }
  }
  return [...found];
}

/** As Node looks for it: in node_modules of this folder and of those above. */
function findPackage(name: string, from: string): string | undefined {
  const candidate = join(from, 'node_modules', name);
  if (existsSync(join(candidate, 'package.json'))) return candidate;
  return from === '/' ? undefined : findPackage(name, dirname(from));
}

interface PackageFile {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readPackage(folder: string): PackageFile {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageFile;
}
