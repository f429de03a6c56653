/**
 * Prometheus' own judge of metrics, for the tests of `watch`: of Debian's package only promtool is unpacked,
 * since the package would also start a Prometheus where systemd runs. Elsewhere it is looked for in PATH.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fetchPackage } from './debian-package.mjs';
import { findCommand } from './tools.mjs';

export async function fetchPromtool(root, folders) {
  if (findCommand('promtool', folders) !== undefined) return;
  await fetchPackage({
    root,
    folders,
    name: 'prometheus',
    findName: () => ({ name: 'prometheus' }),
    without: 'no promtool for the tests of metrics',
    prune: keepPromtool,
  });
}

function keepPromtool(folder) {
  const all = (...path) =>
    readdirSync(join(folder, ...path)).map(name => join(folder, ...path, name));
  const others = [...all(), ...all('usr'), ...all('usr', 'bin')].filter(
    path => ![join(folder, 'usr'), join(folder, 'usr', 'bin')].includes(path),
  );
  for (const path of others) {
    if (path !== join(folder, 'usr', 'bin', 'promtool')) rmSync(path, { recursive: true });
  }
}
