import { afterEach, expect, test, vi } from 'vitest';
import { MACHINE_VARIABLE, patience } from '../../src/guest-environment.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

test.each([
  [undefined, 30],
  ['qemu-kvm', 30],
  ['qemu-tcg', 300],
])('in %s what hangs is given up after %i s', (machine, seconds) => {
  vi.stubEnv(MACHINE_VARIABLE, machine);
  expect(patience(30)).toBe(seconds);
});
