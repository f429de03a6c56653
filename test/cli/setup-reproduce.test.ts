/** What `npm run reproduce` makes of its arguments and of the program's exit code. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeClone } from '../setup/fake-clone.js';

const forbidden = { FAKE_EXIT: '77' };

let clone: FakeClone;
beforeAll(async () => {
  clone = new FakeClone();
  await clone.run('setup.mjs');
});
afterAll(() => clone.remove());

const reproduce = (args: string[], env: Record<string, string> = {}) =>
  clone.run('reproduce.mjs', args, env);

test('the arguments reach the program, stdout is its own, and its exit code is passed on', async () => {
  expect(await reproduce(['--json', '--scenario', 'lost-syn'], { FAKE_EXIT: '2' })).toEqual({
    exitCode: 2,
    stdout: 'stalesum reproduce --as-expected --json --scenario lost-syn\n',
    stderr: '',
  });
});

test('where namespaces are forbidden a recording is shown, on stderr and by its name, and 77 stays', async () => {
  const { exitCode, stdout, stderr } = await reproduce(['--no-color'], forbidden);
  expect(exitCode).toBe(77);
  expect(stdout).toBe('stalesum reproduce --as-expected --no-color\n');
  expect(stderr).toContain('NOT from this machine: captures/linux-6.18.44/double-snat-udpcsum');
  expect(stderr).toMatch(
    /\nstalesum analyze --no-color \S+\/captures\/linux-6\.18\.44\/double-snat-udpcsum\n$/,
  );
});

test('with --json the recording is only named', async () => {
  const { exitCode, stdout, stderr } = await reproduce(['--json'], forbidden);
  expect(exitCode).toBe(77);
  expect(stdout).toBe('stalesum reproduce --as-expected --json\n');
  expect(stderr).toContain('NOT from this machine');
  expect(stderr).not.toContain('stalesum analyze');
});

test.each([
  [['--from=local']],
  [['--to', 'netns:b']],
  [['--scenario', 'lost-syn']],
])('no recording stands in for a run with %j', async args => {
  const { exitCode, stderr } = await reproduce(args, forbidden);
  expect(exitCode).toBe(77);
  expect(stderr).toBe('');
});

test('options that npm kept for itself are pointed out', async () => {
  const { exitCode, stderr } = await reproduce([], {
    npm_config_json: 'true',
    npm_config_out: 'x',
  });
  expect(exitCode).toBe(0);
  expect(stderr).toMatch(
    /^hint: npm kept --json --out for itself; .* npm run -s reproduce -- --json\n$/,
  );
  expect((await reproduce(['--json'], { npm_config_json: 'true' })).stderr).toBe('');
});

test('a signal reaches the program, which is waited for', async () => {
  const run = clone.start(['scripts/reproduce.mjs'], { FAKE_WAITS: '1' });
  await run.said('stalesum reproduce');
  run.kill('SIGTERM');
  const { exitCode, stdout } = await run.ended;
  expect(exitCode).toBe(143);
  expect(stdout).toContain('cleaned up');
});
