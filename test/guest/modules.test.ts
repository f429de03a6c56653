/** Modules made by hand; those of a real kernel are in test/guest-boot. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { labModules, modulesFolder } from '../../src/guest/modules.js';
import { moduleBytes } from './elf-builder.js';

const RELEASE = '5.4.0-test';
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stalesum-modules-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, bytes: string | Uint8Array): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
}

function module(name: string, depends = '', release = RELEASE): Buffer {
  const bytes = moduleBytes({ name, depends, vermagic: `${release} SMP mod_unload ` });
  write(`kernel/net/${name}.ko`, bytes);
  return bytes;
}

const builtIn = (...names: string[]) =>
  write('modules.builtin', names.map(name => `kernel/net/${name}.ko\n`).join(''));

test('what a module depends on comes before it, built-in or not', () => {
  builtIn('bridge', 'x_tables', 'veth');
  module('vxlan', 'udp_tunnel,ip6_udp_tunnel');
  module('udp_tunnel');
  module('ip6_udp_tunnel', 'udp_tunnel');
  module('nf_nat', 'nf_conntrack');
  module('nf_conntrack', 'nf-defrag-ipv4,x_tables');
  module('nf_defrag_ipv4');
  module('btrfs');
  const names = labModules(folder, RELEASE).map(({ name }) => name);
  expect(names).toEqual([
    ...['udp_tunnel', 'ip6_udp_tunnel', 'vxlan'],
    ...['nf_defrag_ipv4', 'nf_conntrack', 'nf_nat'],
  ]);
});

test('a circle of dependencies ends', () => {
  builtIn('bridge', 'x_tables', 'veth', 'nf_nat', 'nf_conntrack');
  module('vxlan', 'udp_tunnel');
  module('udp_tunnel', 'vxlan');
  expect(labModules(folder, RELEASE)).toHaveLength(2);
});

test('compressed modules are handed on decompressed', () => {
  builtIn('bridge', 'x_tables', 'veth', 'nf_nat', 'nf_conntrack');
  const bytes = moduleBytes({ vermagic: `${RELEASE} SMP` });
  write('kernel/drivers/net/vxlan/vxlan.ko.gz', gzipSync(bytes));
  expect(labModules(folder, RELEASE)).toEqual([{ name: 'vxlan', bytes }]);
});

test('a kernel without what every lab needs is refused, by name', () => {
  builtIn('bridge', 'x_tables', 'nf_nat');
  expect(() => labModules(folder, RELEASE)).toThrow(
    `${folder}: this kernel has no veth, no vxlan, no nf_conntrack, which the lab needs`,
  );
});

test('modules of another kernel are refused', () => {
  builtIn('bridge', 'x_tables', 'veth', 'nf_nat', 'nf_conntrack');
  module('vxlan', '', '6.1.0-other');
  expect(() => labModules(folder, RELEASE)).toThrow(
    `its module vxlan is for Linux 6.1.0-other, the image is Linux ${RELEASE}`,
  );
});

test('what is no module is named', () => {
  builtIn('bridge', 'x_tables', 'veth', 'nf_nat', 'nf_conntrack');
  write('kernel/net/vxlan.ko', 'not one');
  expect(() => labModules(folder, RELEASE)).toThrow(/vxlan\.ko: no module of x86-64/);
});

test('the folder is the one given, its parent, or the one beside the image', () => {
  const image = { path: join(folder, 'boot/vmlinuz'), release: RELEASE };
  expect(modulesFolder(image, undefined)).toBeUndefined();
  write(`lib/modules/${RELEASE}/modules.builtin`, '');
  const modules = join(folder, 'lib/modules', RELEASE);
  expect(modulesFolder(image, undefined)).toBe(modules);
  expect(modulesFolder(image, modules)).toBe(modules);
  expect(modulesFolder(image, dirname(modules))).toBe(modules);
  expect(() => modulesFolder(image, join(folder, 'boot'))).toThrow('expected a folder of modules');
});
