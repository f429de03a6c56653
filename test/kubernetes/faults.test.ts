import { describe, expect, it } from 'vitest';
import { isServersAnswer, kubectlFault } from '../../src/kubernetes/faults.js';

describe('what kubectl says when it fails', () => {
  it.each([
    [
      'Error from server (Forbidden): error when creating "STDIN": pods is forbidden: User "dev" cannot create resource "pods" in API group "" in the namespace "default"',
      'not-permitted',
      /deploy\/rbac\.yaml/,
    ],
    [
      'Error from server (Forbidden): error when creating "STDIN": pods "x" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true, hostPID=true)',
      'not-permitted',
      /--namespace/,
    ],
    ['error: You must be logged in to the server (Unauthorized)', 'not-permitted', /get nodes/],
    [
      'Error in configuration: context was not found for specified context: nowhere',
      'unavailable',
      /get-contexts/,
    ],
    ['error: context "nowhere" does not exist', 'unavailable', /get-contexts/],
    [
      'The connection to the server 192.168.50.100:6443 was refused - did you specify the right host or port?',
      'unavailable',
      /KUBECONFIG/,
    ],
    [
      'Unable to connect to the server: dial tcp: lookup nowhere: no such host',
      'unavailable',
      /KUBECONFIG/,
    ],
  ] as const)('%s', (words, kind, remedy) => {
    const fault = kubectlFault('node-a', words);
    expect(fault).toMatchObject({ kind, remedy: expect.stringMatching(remedy) });
    expect(fault.message).toMatch(/^kubectl: node-a: /);
    expect(fault.message).not.toContain('\n');
  });

  it('is told without its log', () => {
    const log = 'E1123 03:30:20.702770    5556 memcache.go:265] "Unhandled Error" err="refused"\n';
    const { message } = kubectlFault('x', `${log}${log}Unable to connect to the server: EOF\n`);
    expect(message).toBe('kubectl: x: Unable to connect to the server: EOF');
  });

  it('tells whether the server has refused, or may have done it all the same', () => {
    expect(isServersAnswer('Error from server (Forbidden): pods is forbidden')).toBe(true);
    expect(isServersAnswer('Error from server (NotFound): namespaces "x" not found')).toBe(true);
    expect(isServersAnswer('Error from server (Timeout): the server could not finish')).toBe(false);
    expect(isServersAnswer('Error from server (InternalError): etcd')).toBe(false);
    expect(isServersAnswer('Unable to connect to the server: EOF')).toBe(false);
    expect(isServersAnswer('')).toBe(false);
  });
});
