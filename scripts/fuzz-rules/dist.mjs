/** Modules of the built program. */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const folder = process.env.STALESUM_DIST ?? join(import.meta.dirname, '..', '..', 'dist');

export function dist(module) {
  return import(pathToFileURL(join(resolve(folder), module)).href);
}
