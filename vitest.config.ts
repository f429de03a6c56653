import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [
            'test/cli/**',
            'test/live/**',
            'test/podman/**',
            'test/kube-api/**',
            'test/browser/**',
            'test/guest-boot/**',
          ],
          pool: 'threads',
          // Against hanging only: nothing here is judged by how long it takes on a busy machine.
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'cli',
          include: ['test/cli/**/*.test.ts', 'test/kube-api/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 30_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'live',
          include: ['test/live/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 8,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        // What only a browser can tell: one Chromium for all of it, under half a minute.
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'guest',
          include: ['test/guest-boot/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 2,
          // Without KVM every instruction of the guest is emulated, and its lab takes a minute or two.
          testTimeout: 400_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          // One lab with containers in it; under half a minute on an idle machine.
          name: 'podman',
          include: ['test/podman/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 8,
          testTimeout: 120_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
