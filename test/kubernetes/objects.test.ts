import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEndpoints, readNode, readPod, readService } from '../../src/kubernetes/objects.js';
import { item, recorded } from './recorded.js';

describe('what a real API server answered', () => {
  it('nodes', () => {
    expect(readNode(item('nodes', 'node-b'))).toEqual({
      name: 'node-b',
      isReady: true,
      message: 'kubelet is posting ready status',
      system: 'linux',
      addresses: ['192.168.50.2', 'node-b'],
    });
  });

  it('a service with two protocols on one port', () => {
    expect(readService(item('services', 'kube-dns'))).toMatchObject({
      type: 'ClusterIP',
      clusterAddresses: ['10.96.0.10'],
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
        { name: 'metrics', port: 9153, protocol: 'TCP' },
      ],
      hasAffinity: false,
      staysOnNode: false,
    });
  });

  it('a headless service, and one with session affinity', () => {
    expect(readService(item('services', 'headless')).clusterAddresses).toEqual([]);
    expect(readService(item('services', 'sticky')).hasAffinity).toBe(true);
  });

  it('endpoints, one of them outside of the cluster', () => {
    const endpoints = readEndpoints(recorded('endpointslices'));
    expect(endpoints.filter(({ portName, port }) => portName === 'https' && port === 6443)).toEqual(
      [
        {
          address: '192.168.50.100',
          port: 6443,
          portName: 'https',
          protocol: 'TCP',
          node: undefined,
        },
      ],
    );
    const web = { items: [item('endpointslices', 'web-ipv4')] };
    expect(readEndpoints(web).map(({ address, node }) => [address, node])).toEqual([
      ['10.244.0.5', 'node-a'],
      ['10.244.1.2', 'node-b'],
      ['10.244.1.3', 'node-b'],
    ]);
  });

  it('endpoints that are not ready are none; without a word they are', () => {
    const slice = (conditions: object) => ({
      items: [
        {
          addressType: 'IPv4',
          endpoints: [{ addresses: ['10.0.0.1'], conditions, nodeName: 'a' }],
          ports: [{ name: '', port: 80 }],
        },
      ],
    });
    expect(readEndpoints(slice({ ready: false }))).toEqual([]);
    expect(readEndpoints(slice({}))).toEqual([
      { address: '10.0.0.1', port: 80, portName: undefined, protocol: 'TCP', node: 'a' },
    ]);
  });

  it('pods', () => {
    expect(readPod(item('pods', 'host-a'))).toMatchObject({
      phase: 'Running',
      node: 'node-a',
      addresses: ['192.168.50.1'],
      isOnHostNetwork: true,
    });
    expect(readPod(item('pods', 'web-b'))).toMatchObject({
      node: 'node-b',
      addresses: ['10.244.1.2'],
      isOnHostNetwork: false,
      ports: [],
    });
  });
});

it('answers of any shape are read without a fault', () => {
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      readNode(value);
      readService({ spec: value });
      readPod({ spec: value, status: value });
      readEndpoints({ items: value });
      readEndpoints({ items: [{ endpoints: [value], ports: [value] }] });
    }),
  );
});
