/** The last line of `npm test`, and STALESUM_REQUIRE_LIVE=1, on the small run in test/setup/fixtures. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

function runFixtures(projects: string[], { args = [] as string[], requireLive = false } = {}) {
  const command = [
    path('../../node_modules/vitest/vitest.mjs'),
    'run',
    `--root=${path('../setup/fixtures')}`,
    '--reporter=default',
    `--reporter=${path('../../scripts/test/reporter.mjs')}`,
    ...projects.map(name => `--project=${name}`),
    ...args,
  ];
  const live = { STALESUM_REQUIRE_LIVE: requireLive ? '1' : '' };
  const env = { ...process.env, NO_COLOR: '1', ...live };
  return new Promise<{ exitCode: unknown; lines: string[] }>(resolve => {
    execFile(process.execPath, command, { env }, (fault, stdout) =>
      resolve({ exitCode: fault?.code ?? 0, lines: stdout.trimEnd().split('\n') }),
    );
  });
}

test.concurrent('the counts are the last line, after the summary of the default reporter', async () => {
  const { exitCode, lines } = await runFixtures(['unit', 'live']);
  expect(exitCode).toBe(0);
  expect(lines.at(-1)).toBe('2 passed, 0 failed, 2 skipped');
  expect(lines.slice(-8).join('\n')).toMatch(/Test Files .*2 passed/);
});

test.concurrent('a skipped live test fails where live tests are required, and is named with its reason', async () => {
  const { exitCode, lines } = await runFixtures(['unit', 'live'], { requireLive: true });
  expect(exitCode).toBe(1);
  expect(lines.slice(-2)).toEqual([
    'NOT RUN, though STALESUM_REQUIRE_LIVE=1: live.fixture.ts > needs a kernel (namespaces are forbidden)',
    '2 passed, 1 failed, 1 skipped',
  ]);
});

test.concurrent('a live test that -t leaves out was not wanted', async () => {
  const { exitCode, lines } = await runFixtures(['live'], {
    requireLive: true,
    args: ['-t', 'runs too'],
  });
  expect(exitCode).toBe(0);
  expect(lines.at(-1)).toBe('1 passed, 0 failed, 1 skipped');
});

test.concurrent('a file that cannot be loaded counts as a failure', async () => {
  const { exitCode, lines } = await runFixtures(['unit', 'broken']);
  expect(exitCode).toBe(1);
  expect(lines.at(-1)).toBe('1 passed, 1 failed, 1 skipped');
});

test.concurrent('no test at all is no success', async () => {
  const { exitCode, lines } = await runFixtures(['unit'], { args: ['nothing-of-this-name'] });
  expect(exitCode).not.toBe(0);
  expect(lines.at(-1)).toBe('0 passed, 0 failed, 0 skipped');
});
