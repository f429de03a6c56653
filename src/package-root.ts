/**
 * Where this package is. Its code runs from src/ (tests), from dist/ and from dist/bundle/, so nothing but
 * this file may reckon with where it lies itself.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that package.json is in. */
export const PACKAGE_ROOT = folderOfPackage(dirname(fileURLToPath(import.meta.url)));

/** Path of what `npm run build` made: programs that are run on their own, and the kernel. */
export function builtFile(name: string): string {
  return join(PACKAGE_ROOT, 'dist', name);
}

function folderOfPackage(folder: string): string {
  const above = dirname(folder);
  return existsSync(join(folder, 'package.json')) || above === folder
    ? folder
    : folderOfPackage(above);
}
