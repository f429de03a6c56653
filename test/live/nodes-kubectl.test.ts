import { beforeAll, expect, it } from 'vitest';
import {
  essence,
  expectPortsOfConntrack,
  harness,
  inLab,
  type Left,
  lacking,
  NOTHING,
  type Result,
  verdictOf,
} from '../harness/live.js';
import { describeLive } from './require-live.js';

interface Told {
  readonly netns: Result;
  readonly kubectl: Result;
  readonly inspectNetns: Result;
  readonly inspectKubectl: Result;
  readonly mixed: Result;
  readonly leastRights: Result;
  readonly podLookUp: Result;
  readonly deployed: Result;
  readonly serviceAddress: string;
  readonly overSpdy: Result;
  readonly asked: readonly string[];
  readonly ruled: readonly string[];
  readonly failures: Readonly<Record<string, Result>>;
  readonly pods: readonly string[];
  /** Whether anything of a hostile name was run. */
  readonly owned: boolean;
  readonly left: Left;
}

describeLive(
  'nodes reached by a real kubectl',
  () => {
    let told: Told;
    beforeAll(async () => {
      told = await inLab<Told>('unpatched', [process.execPath, harness('live/kubectl.mjs')]);
    }, 400_000);

    it('give the verdict, the grade, the ports and the rule of network namespaces', () => {
      expect(essence(told.netns)).toMatchObject({
        ...{ verdict: 'stale-checksum', grade: 'proved', outcome: 1, isClean: true },
        syns: [
          { delivered: false, state: 'stale' },
          { delivered: true, state: 'valid' },
        ],
      });
      expect(essence(told.kubectl)).toEqual(essence(told.netns));
      expectPortsOfConntrack(told.netns);
      expectPortsOfConntrack(told.kubectl);
      const rule = verdictOf(told.netns).rule;
      expect(rule?.rule).toMatch(/-j MASQUERADE --random-fully/);
      expect(verdictOf(told.kubectl).rule).toMatchObject({ rule: rule?.rule, chain: rule?.chain });
    });

    it('are inspected as network namespaces are, over whichever protocol', () => {
      const predictions = ({ stdout }: Result) => JSON.parse(stdout).predictions;
      expect(predictions(told.inspectNetns)).toMatchObject([{ verdict: 'stale-checksum' }]);
      expect(predictions(told.inspectKubectl)).toEqual(predictions(told.inspectNetns));
      expect(predictions(told.overSpdy)).toEqual(predictions(told.inspectNetns));
    });

    it('are chosen where none is named; DNS is lost there, too, and the least rights are enough', () => {
      const { flows, captures } = verdictOf(told.leastRights);
      expect(essence(told.leastRights)).toMatchObject({
        verdict: 'stale-checksum',
        grade: 'proved',
      });
      expect(flows[0]?.inner.protocol).toBe('udp');
      expect(flows[0]?.inner.destination).toBe('10.244.1.2:53');
      expect(new Set(captures.map(({ node }) => node))).toEqual(new Set(['node-a', 'node-b']));
      expectPortsOfConntrack(told.leastRights);
    });

    it('serve a target that is made for the run', () => {
      const { flows, grade, verdict } = verdictOf(told.deployed);
      expect({ verdict, grade }).toEqual({ verdict: 'stale-checksum', grade: 'proved' });
      expect(flows[0]?.inner.destination).toBe('10.244.1.2:8089');
      expect(told.deployed.stderr).toBe('');
      expect(verdictOf(told.deployed).summary).toContain(`${told.serviceAddress}:80`);
      expectPortsOfConntrack(told.deployed);
    });

    it('need each of the rights in deploy/rbac.yaml', () => {
      expect(told.asked.filter(right => !told.ruled.includes(right))).toEqual([]);
      // Only a kubectl that executes over WebSocket asks for the one.
      const unused = told.ruled.filter(right => !told.asked.includes(right));
      expect(unused.filter(right => right !== 'get pods/exec.')).toEqual([]);
    });

    it('go together with others, for a pod of the cluster, which is not masqueraded', () => {
      const { verdict, flows } = verdictOf(told.mixed);
      expect(verdict).toBe('not-rewritten');
      expect(flows[0]?.inner.destination).toBe('10.244.1.2:8080');
      expect(told.podLookUp).toMatchObject({
        outcome: 64,
        stderr: expect.stringMatching(/pod\/default\/nowhere:80: there is no such pod/),
      });
    });

    it.each([
      ['forbidden', 77, /cannot create resource "pods".*\n {2}.*deploy\/rbac\.yaml/],
      ['podSecurity', 77, /violates PodSecurity.*\n {2}.*--namespace/],
      [
        'lacksImages',
        69,
        /node-a: the image example\.com\/no\/such:1 cannot be had.*\n {2}--image/,
      ],
      [
        'pending',
        69,
        /node-a: our pod does not run after 1 s: ContainerCreating\n {2}--pod-timeout/,
      ],
      ['noNode', 69, /the cluster has no node nowhere\n {2}"kubectl get nodes" lists them/],
      ['notReady', 69, /node-b: the node is not ready: Kubelet stopped posting node status/],
      ['noNamespace', 69, /namespaces "nowhere" not found/],
      ['noContext', 69, /context .*-x; touch \/run\/owned.*\n {2}kubectl config get-contexts/],
      ['noServer', 69, /connection to the server .* was refused.*\n {2}KUBECONFIG/],
      [
        'silent',
        69,
        /(not answer within 30 s|Unable to connect to the server).*\n {2}.*"kubectl get nodes" must work/,
      ],
      ['noKubectl', 69, /kubectl is not on this machine\n {2}install it/],
      ['noPort', 64, /has no port 81; it has http \(80\/tcp\), dns \(53\/udp\)/],
    ] as const)('say what is in the way: %s', (name, outcome, words) => {
      expect(told.failures[name]).toEqual({
        ...{ outcome, stdout: '' },
        stderr: expect.stringMatching(words),
      });
    });

    it('have nothing of us left, and neither has the cluster', () => {
      expect(told.left).toEqual(NOTHING);
      expect(told.pods).toEqual([]);
      expect(told.owned).toBe(false);
    });
  },
  lacking('kubectl', 'openssl'),
);
