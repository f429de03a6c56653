import { describe, expect, it } from 'vitest';
import { type PairWish, pairFor } from '../../src/harness/choose-pair.js';
import { serviceAsFound } from '../../src/harness/look-up.js';
import { type ObjectTarget, parseTarget } from '../../src/harness/target.js';
import {
  type ClusterNode,
  readEndpoints,
  readNode,
  readService,
} from '../../src/kubernetes/objects.js';
import { parseNode } from '../../src/node/description.js';
import { item } from '../kubernetes/recorded.js';

const service = (text: string) => parseTarget(text) as ObjectTarget;

function find(text: string, protocol?: 'tcp' | 'udp', more: object = {}) {
  const target = service(text);
  const found = { ...readService(item('services', target.name)), ...more };
  const slices = {
    items: [item('endpointslices', target.name), item('endpointslices', `${target.name}-ipv4`)],
  };
  return serviceAsFound(target, found, readEndpoints(slices), protocol);
}

describe('a service of the recorded cluster', () => {
  it.each([
    [
      'svc/default/web:80',
      undefined,
      '10.96.33.1',
      80,
      'tcp',
      ['10.244.0.5:8080', '10.244.1.2:8080', '10.244.1.3:8080'],
    ],
    [
      'svc/default/web:http',
      undefined,
      '10.96.33.1',
      80,
      'tcp',
      ['10.244.0.5:8080', '10.244.1.2:8080', '10.244.1.3:8080'],
    ],
    ['svc/kube-system/kube-dns:53', undefined, '10.96.0.10', 53, 'tcp', ['10.244.1.2:53']],
    ['svc/kube-system/kube-dns:53', 'udp', '10.96.0.10', 53, 'udp', ['10.244.1.2:53']],
    ['svc/kube-system/kube-dns:dns', undefined, '10.96.0.10', 53, 'udp', ['10.244.1.2:53']],
  ] as const)('%s %s', (text, asked, address, port, protocol, endpoints) => {
    const found = find(text, asked);
    expect(found).toMatchObject({ front: { address, port }, protocol });
    expect(found.endpoints.map(each => `${each.address}:${each.port}`)).toEqual(endpoints);
  });

  it('that is headless has nothing before its endpoints', () => {
    expect(find('svc/default/headless:db')).toMatchObject({
      front: undefined,
      endpoints: [{ address: '10.244.1.9', port: 5432, node: 'node-b' }],
    });
  });

  it('with session affinity says so', () => {
    expect(find('svc/default/sticky:8000').notes).toEqual([
      expect.stringMatching(/session affinity/),
    ]);
  });

  it.each([
    ['svc/default/web:81', {}, /has no port 81; it has http \(80\/tcp\)/],
    ['svc/default/noendpoints:81', {}, /has no endpoint that is ready/],
    ['svc/default/kubernetes:443', {}, /none of its endpoints is on a node/],
    [
      'svc/default/web:80',
      { type: 'ExternalName', externalName: 'example.com' },
      /the name example\.com of something else/,
    ],
    ['svc/default/web:80', { staysOnNode: true }, /never leads to another node/],
  ])('%s %j is refused', (text, more, words) => {
    expect(() => find(text, undefined, more)).toThrow(words);
  });

  it('refuses a protocol that the port does not have', () => {
    expect(() => find('svc/default/web:80', 'udp')).toThrow(/no port 80\/udp/);
  });
});

describe('the pair', () => {
  const [nodeA, nodeB] = ['node-a', 'node-b'].map(
    name => readNode(item('nodes', name)) as ClusterNode,
  ) as [ClusterNode, ClusterNode];
  const nodeC: ClusterNode = { ...nodeA, name: 'node-c', addresses: ['192.168.50.3'] };
  const nodes = [nodeA, nodeB, nodeC];
  const pair = (text: string, wish: { from?: string; to?: string } = {}, all = nodes) => {
    const target = service(text);
    const own: PairWish = {
      from: wish.from === undefined ? undefined : parseNode(wish.from),
      to: wish.to === undefined ? undefined : parseNode(wish.to),
      target,
      protocol: undefined,
    };
    const { from, to, target: front, notes } = pairFor(find(text), own, all);
    return { from, to, front, notes };
  };
  const kubectl = (node: string) => ({ kind: 'kubectl', node });

  it('is a node with an endpoint, and one without if there is one', () => {
    expect(pair('svc/default/web:80')).toMatchObject({
      from: kubectl('node-c'),
      to: kubectl('node-a'),
    });
    expect(pair('svc/default/echo:80', {}, [nodeA, nodeB])).toMatchObject({
      from: kubectl('node-a'),
      to: kubectl('node-b'),
      front: { address: '10.96.0.20', port: 80 },
      notes: [
        'svc/default/echo:80 is 10.96.0.20:80/tcp; endpoints: 10.244.1.2:8080 on node-b',
        'from kubectl:node-a to kubectl:node-b, chosen',
      ],
    });
  });

  it('leaves the other to the cluster where one is named', () => {
    expect(pair('svc/default/web:80', { from: 'kubectl:node-a' })).toMatchObject({
      from: kubectl('node-a'),
      to: kubectl('node-b'),
    });
    expect(pair('svc/default/web:80', { to: 'kubectl:node-a' })).toMatchObject({
      from: kubectl('node-c'),
      to: kubectl('node-a'),
    });
    expect(pair('svc/default/web:80', { from: 'ssh:root@192.168.50.1' })).toMatchObject({
      from: { kind: 'ssh' },
      to: kubectl('node-b'),
    });
  });

  it('says so and takes another node where the endpoint is on --from', () => {
    expect(pair('svc/default/echo:80', { from: 'kubectl:node-b' })).toMatchObject({
      from: kubectl('node-a'),
      to: kubectl('node-b'),
      notes: [
        expect.anything(),
        expect.stringMatching(/on node-b, which is --from itself/),
        expect.anything(),
      ],
    });
    expect(() => pair('svc/default/echo:80', { from: 'ssh:192.168.50.2' })).toThrow(
      /is --from itself/,
    );
  });

  it('connects to the endpoint on --to where nothing is before it', () => {
    expect(
      pair('svc/default/headless:db', { to: 'docker:node-b', from: 'docker:node-a' }).front,
    ).toEqual({
      address: '10.244.1.9',
      port: 5432,
    });
  });

  it.each([
    [{ to: 'kubectl:node-c' }, /endpoints on node-b, and none on node-c/],
    [{ from: 'kubectl:node-b', to: 'kubectl:node-b' }, /both node-b/],
  ])('%j is refused', (wish, words) => {
    expect(() => pair('svc/default/echo:80', wish)).toThrow(words);
  });

  it('takes no node that is not ready, or no Linux', () => {
    const notReady = { ...nodeB, isReady: false };
    expect(() => pair('svc/default/echo:80', {}, [nodeA, notReady])).toThrow(/is ready/);
    const windows = { ...nodeA, system: 'windows' };
    expect(() => pair('svc/default/echo:80', {}, [windows, nodeB])).toThrow(/no other Linux node/);
    expect(() => pair('svc/default/echo:80', {}, [nodeB])).toThrow(/no other Linux node/);
  });
});
