/** kube-proxy by its command line, its configuration, its answers and its image. */
import { describe, expect, it } from 'vitest';
import { parseKubeProxy } from '../../src/snapshot/kube-proxy.js';
import { readKubeProxy } from '../../src/snapshot/live-kube-proxy.js';
import { fakeNode } from '../support/fake-node.js';

const CONFIG = `apiVersion: kubeproxy.config.k8s.io/v1alpha1
clientConnection:
  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf
clusterCIDR: 10.244.0.0/16
iptables:
  masqueradeAll: false
  masqueradeBit: 15
kind: KubeProxyConfiguration
mode: "ipvs"
`;

describe('what its texts say', () => {
  it('flags of the command line', () => {
    const line = 'kube-proxy --proxy-mode=nftables --masquerade-all --cluster-cidr 10.42.0.0/16\n';
    expect(parseKubeProxy([line])).toEqual({
      version: undefined,
      mode: 'nftables',
      masqueradeBit: undefined,
      masqueradeAll: true,
      clusterCidr: '10.42.0.0/16',
      running: true,
    });
  });

  it('its file, which overrules the flags', () => {
    const line =
      '/usr/local/bin/kube-proxy --config=/var/lib/kube-proxy/config.conf --proxy-mode=iptables\n';
    expect(parseKubeProxy([line, CONFIG])).toMatchObject({
      mode: 'ipvs',
      masqueradeBit: 15,
      masqueradeAll: false,
      clusterCidr: '10.244.0.0/16',
    });
  });

  it('what it answers, which overrules the file', () => {
    expect(parseKubeProxy([CONFIG, 'iptables'])).toMatchObject({ mode: 'iptables', running: true });
  });

  it.each([
    ['Kubernetes v1.28.4\n', 'v1.28.4'],
    [
      'kubernetes_build_info{build_date="2023",git_version="v1.27.3+k3s1",platform="linux"} 1\n',
      'v1.27.3+k3s1',
    ],
    ['{"image":{"image":"registry.k8s.io/kube-proxy:v1.30.5"}}', 'v1.30.5'],
    ['{"image":{"image":"registry.k8s.io/kube-proxy-amd64:v1.16.2"}}', 'v1.16.2'],
  ])('version: %s', (text, version) => {
    expect(parseKubeProxy([text])?.version).toBe(version);
  });

  it('the running one rather than the program that lies on the node', () => {
    const image = '{"image":"registry.k8s.io/kube-proxy:v1.18.5"}';
    expect(parseKubeProxy(['Kubernetes v1.28.4\n', image])?.version).toBe('v1.18.5');
  });

  it('processes of ps, also of hyperkube; others are not taken for it', () => {
    const ps = [
      'root  812  0.0  0.1 /usr/bin/kubelet --hostname-override=kube-proxy-node',
      'root 1312  0.1  0.3 /hyperkube kube-proxy --proxy-mode=iptables',
    ].join('\n');
    expect(parseKubeProxy([ps])).toMatchObject({ mode: 'iptables', running: true });
    expect(parseKubeProxy(['root 1 grep kube-proxy.log\n', 'kubelet --x\n'])).toBeUndefined();
  });

  it('nothing of nothing', () => {
    expect(parseKubeProxy([])).toBeUndefined();
    expect(parseKubeProxy([''])).toBeUndefined();
  });
});

describe('reading a node', () => {
  const cmdline =
    '/proc/77/cmdline:/usr/local/bin/kube-proxy\0--config=/var/lib/kube-proxy/config.conf\0';

  it('finds the process, its file in its own mount namespace, and what the runtime says', async () => {
    const { node, asked } = fakeNode({
      find: `/proc/9/cmdline:grep\0-asH\0kube-proxy\0\n${cmdline}\n`,
      'head -c 65536 /proc/77/root/var/lib/kube-proxy/config.conf': CONFIG,
      crictl: '{"containers":[{"image":{"image":"registry.k8s.io/kube-proxy:v1.28.4"}}]}',
    });
    const answers = await readKubeProxy(node);
    const texts = answers.flatMap(({ text }) => text ?? []);
    expect(parseKubeProxy(texts)).toMatchObject({
      version: 'v1.28.4',
      mode: 'ipvs',
      masqueradeBit: 15,
    });
    expect(answers.every(({ record }) => record.gap === null && record.at.endsWith('Z'))).toBe(
      true,
    );
    // A container's program is never run on the node.
    expect(asked.filter(command => command.startsWith('/'))).toEqual([]);
  });

  it('keeps of the file only settings, and nothing of a file that is another', async () => {
    const secret = 'token: c2VjcmV0';
    const file = 'head -c 65536 /proc/77/root/var/lib/kube-proxy/config.conf';
    const kept = await readKubeProxy(
      fakeNode({ find: cmdline, [file]: `${CONFIG}${secret}\n` }).node,
    );
    expect(kept.map(({ text }) => text).join()).toContain('masqueradeBit: 15');
    expect(kept.map(({ text }) => text).join()).not.toMatch(/token|kubeconfig/);
    const other = await readKubeProxy(
      fakeNode({ find: cmdline, [file]: 'root:$6$x:19000\n' }).node,
    );
    expect(other.map(({ text }) => text).join()).not.toContain('$6$');
    expect(other.map(({ record }) => record.gap)).toContain('not a KubeProxyConfiguration');
  });

  it('says where none runs', async () => {
    const [answer, ...more] = await readKubeProxy(fakeNode({ find: '' }).node);
    expect(answer?.record).toMatchObject({ optional: false });
    expect(answer?.record.gap).toMatch(/^no kube-proxy among the processes/);
    expect(more).toEqual([]);
  });
});
