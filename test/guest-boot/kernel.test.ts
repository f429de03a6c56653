/** A real kernel and its modules: what we read of them, and a panic. Nothing here boots to its end. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { bootGuest } from '../../src/guest/boot.js';
import { cpioArchive } from '../../src/guest/cpio.js';
import { readKernelImage } from '../../src/guest/kernel-image.js';
import { labModules, modulesFolder } from '../../src/guest/modules.js';
import { findQemu } from '../../src/guest/qemu.js';
import { describeLive } from '../live/require-live.js';
import { stalesum } from '../support/cli.js';
import { cannotBoot, IMAGE } from './test-kernel.js';

describeLive(
  'a kernel of a distribution',
  () => {
    const image = readKernelImage(IMAGE ?? '');
    const modules = modulesFolder(image, undefined) ?? '';

    it('says its release', () => {
      // As Debian names the image and depmod the folder.
      expect(basename(image.path)).toBe(`vmlinuz-${image.release}`);
      expect(basename(modules)).toBe(image.release);
    });

    it('has its modules loaded after all that depmod says they need', () => {
      // kernel/net/netfilter/nf_nat.ko: kernel/net/netfilter/nf_conntrack.ko kernel/...
      const base = join(dirname(modules), '../..');
      const listed = execFileSync('depmod', ['-n', '-b', base, image.release], {
        encoding: 'utf8',
        maxBuffer: 64 << 20,
      });
      const name = (path: string) =>
        basename(path)
          .replace(/\.ko.*/, '')
          .replaceAll('-', '_');
      const needs = new Map(
        [...listed.matchAll(/^(kernel\/\S+\.ko\S*):(.*)$/gm)].map(([, path, others]) => [
          name(path ?? ''),
          (others ?? '').split(' ').filter(Boolean).map(name),
        ]),
      );
      const order = labModules(modules, image.release).map(module => module.name);
      expect(order).toContain('vxlan');
      expect(order).toContain('nf_conntrack_netlink');
      expect(new Set(order).size).toBe(order.length);
      for (const [at, module] of order.entries()) {
        const before = order.slice(0, at);
        expect(before, `before ${module}`).toEqual(expect.arrayContaining(needs.get(module) ?? []));
      }
    });

    it('that panics is a fault with its own words', async () => {
      // A file system with nothing in it to run.
      const path = join(tmpdir(), `stalesum-empty-${process.pid}`);
      writeFileSync(path, Buffer.concat([...cpioArchive([])]));
      const descriptor = openSync(path, 'r');
      rmSync(path);
      const guest = {
        qemu: findQemu(),
        image,
        initramfs: { descriptor, bytes: 0, close: () => closeSync(descriptor) },
        memoryMebibytes: 512,
      };
      const silent = { booting: () => undefined, message: () => undefined };
      await expect(bootGuest(guest, 'tcg', silent)).rejects.toMatchObject({
        kind: 'missing-tool',
        message: `Linux ${image.release} in qemu: kernel panic: VFS: Unable to mount root fs on unknown-block(0,0)`,
        remedy: expect.stringMatching(
          /^its last words:\n[\s\S]*Kernel panic - not syncing: VFS.*$/,
        ),
      });
      guest.initramfs.close();
    });
  },
  cannotBoot,
);

describeLive(
  'without qemu',
  () => {
    it('the packages of the distributions are named', async () => {
      // A place of its own where the program is hidden under a device.
      const prefix = [
        ...['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c'],
        ...['mount --bind /dev/null "$0" && exec "$@"', findQemu()],
      ];
      const { outcome, stderr } = await stalesum(['reproduce', '--kernel', IMAGE ?? ''], {
        prefix,
      });
      expect(outcome).toBe(69);
      expect(stderr).toBe(
        'stalesum: --kernel needs qemu-system-x86_64, which is not on this machine\n' +
          '  apt install qemu-system-x86, dnf install qemu-system-x86-core, ' +
          'apk add qemu-system-x86_64, pacman -S qemu-system-x86\n',
      );
    });
  },
  cannotBoot,
);

describeLive(
  'bad input',
  () => {
    it.each([
      [
        ['--kernel', '/etc/passwd'],
        65,
        '/etc/passwd: is no kernel image; expected a Linux bzImage',
      ],
      [['--kernel', '/nowhere'], 65, '/nowhere: ENOENT'],
      [['--kernel', IMAGE ?? '', '--modules', '/etc'], 65, '/etc: expected a folder of modules'],
      [['--modules', '/lib/modules'], 64, '--modules is for the kernel that --kernel names'],
    ])('%j', async (args, exitCode, words) => {
      const { outcome, stdout, stderr } = await stalesum(['reproduce', ...args]);
      expect({ outcome, stdout }).toEqual({ outcome: exitCode, stdout: '' });
      expect(stderr).toContain(`stalesum: ${words}`);
    });
  },
  cannotBoot,
);
