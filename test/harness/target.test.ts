import { expect, it } from 'vitest';
import { parseTarget } from '../../src/harness/target.js';

it.each([
  ['10.96.0.10:80', { kind: 'address', address: '10.96.0.10', port: 80 }],
  ['[fd00::1]:53', { kind: 'address', address: 'fd00::1', port: 53 }],
  ['svc/default/web:80', { kind: 'service', namespace: 'default', name: 'web', port: 80 }],
  [
    'svc/kube-system/kube-dns:dns-tcp',
    { kind: 'service', namespace: 'kube-system', name: 'kube-dns', port: 'dns-tcp' },
  ],
  [
    'pod/default/web-7d4b.x:8080',
    { kind: 'pod', namespace: 'default', name: 'web-7d4b.x', port: 8080 },
  ],
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
  'svc/default/web',
  'svc/web:80',
  'svc/default/web:0',
  'svc/default/web:70000',
  'svc/default/-web:80',
  'svc/--all/web:80',
  'svc/default/$(id):80',
  'svc/default/web;id:80',
  'svc/default/we\nb:80',
  'svc/a/b/c:80',
  'svc/../web:80',
  'pod/default/web:80\n',
  'deployment/default/web:80',
])('%j is refused', text => {
  expect(() => parseTarget(text)).toThrow(
    /is no target; expected IP:PORT, svc\/NAMESPACE\/NAME:PORT or pod/,
  );
});
