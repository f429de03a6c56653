import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkedContext,
  checkedImage,
  checkedNamespace,
  isNamespaceName,
  isObjectName,
  parsePort,
} from '../../src/kubernetes/names.js';

const HOSTILE = [
  '; id',
  '$(id)',
  '`id`',
  'a\nb',
  'a\n',
  '-n',
  '--all',
  '',
  'a b',
  "a'b",
  'a/b',
  '../a',
  'A',
  'ä',
];

describe('names of Kubernetes', () => {
  it.each(HOSTILE)('cannot be %j', text => {
    expect(isNamespaceName(text)).toBe(false);
    expect(isObjectName(text)).toBe(false);
  });

  it('have the lengths of RFC 1123', () => {
    expect(isNamespaceName('a'.repeat(63))).toBe(true);
    expect(isNamespaceName('a'.repeat(64))).toBe(false);
    expect(isObjectName('a'.repeat(253))).toBe(true);
    expect(isObjectName('a'.repeat(254))).toBe(false);
    expect(isObjectName('ip-10-0-0-7.eu-west-1.compute.internal')).toBe(true);
    expect(isNamespaceName('a.b')).toBe(false);
  });

  it('have no character that means anything to an option, a path or a shell', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 8 }), text => {
        if (isObjectName(text)) expect(text).toMatch(/^[a-z0-9][a-z0-9.-]*$/);
      }),
    );
  });

  it.each([
    ['80', 80],
    ['65535', 65535],
    ['http', 'http'],
    ['dns-tcp', 'dns-tcp'],
    ['8080-tcp', '8080-tcp'],
    ['0', undefined],
    ['65536', undefined],
    ['-1', undefined],
    ['a--b', undefined],
    ['sixteen-letters-', undefined],
    ['name-of-16-chars', undefined],
    ['$(id)', undefined],
  ])('of a port: %s', (text, port) => {
    expect(parsePort(text)).toBe(port);
  });

  it('of contexts may be odd, but not steer anything', () => {
    const odd = 'arn:aws:eks:eu-west-1:111122223333:cluster/prod; $(id)';
    expect(checkedContext(odd)).toBe(odd);
    expect(checkedContext('-x')).toBe('-x');
    for (const text of ['', 'a\nb', 'a\u001b[2Jb']) {
      expect(() => checkedContext(text)).toThrow(/cannot be the name of a context/);
    }
  });

  it('of images and namespaces are refused where they cannot be', () => {
    expect(checkedImage('registry.k8s.io/e2e-test-images/agnhost:2.53')).toBeTruthy();
    expect(checkedImage(`localhost:5000/a@sha256:${'0'.repeat(64)}`)).toBeTruthy();
    for (const text of ['-x', 'a b', 'a;b', '$(id)', 'a\nb', '']) {
      expect(() => checkedImage(text)).toThrow(/cannot be the name of a container image/);
      expect(() => checkedNamespace(text)).toThrow(/cannot be the name of a namespace/);
    }
  });
});
