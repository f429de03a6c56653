import { expect, it } from 'vitest';
import { parseTarget } from '../../src/harness/target.js';

it.each([
  ['10.96.0.10:80', { kind: 'address', address: '10.96.0.10', port: 80 }],
  ['[fd00::1]:53', { kind: 'address', address: 'fd00::1', port: 53 }],
])('%s', (text, target) => {
  expect(parseTarget(text)).toEqual(target);
});

it.each([
  '',
  '10.96.0.10',
  '10.96.0.10:0',
  '10.96.0.10:65536',
  '10.96.0:80',
  '10.96.0.300:80',
  'fd00::1:53',
  '; id',
  '$(id):80',
  '-x:80',
  '10.96.0.10:80\n',
  '10.96.0.10:80;id',
])('%j is refused', text => {
  expect(() => parseTarget(text)).toThrow(/is no target; expected an address and a port/);
});
