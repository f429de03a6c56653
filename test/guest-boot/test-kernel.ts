/**
 * The kernel that the tests boot: STALESUM_TEST_KERNEL, or the one that the set-up fetched (see
 * scripts/setup/test-kernel.mjs).
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findQemu } from '../../src/guest/qemu.js';
import { PROJECT } from '../support/cli.js';

const boot = join(PROJECT, 'node_modules/.cache/stalesum-kernel/boot');

function fetched(): string | undefined {
  const names = existsSync(boot) ? readdirSync(boot) : [];
  const name = names.find(candidate => candidate.startsWith('vmlinuz-'));
  return name === undefined ? undefined : join(boot, name);
}

export const IMAGE: string | undefined = process.env.STALESUM_TEST_KERNEL ?? fetched();

/** Why no kernel can be booted here; undefined where one can. */
export const cannotBoot: string | undefined = reason();

function reason(): string | undefined {
  try {
    findQemu();
  } catch (fault) {
    return (fault as Error).message;
  }
  return IMAGE === undefined
    ? 'no kernel to boot: npm test fetches one on Debian, STALESUM_TEST_KERNEL=/boot/vmlinuz-... names one'
    : undefined;
}
