import { expect, test } from 'vitest';
import { withoutOptions } from '../../src/guest/run.js';

test('options are taken out with their values, in either form, and nothing else', () => {
  const args = 'reproduce --kernel K --json --modules=M/N --out --kernel=X --scenario udp-dns';
  expect(withoutOptions(args.split(' '), ['--kernel', '--modules'])).toEqual(
    'reproduce --json --out --scenario udp-dns'.split(' '),
  );
});
