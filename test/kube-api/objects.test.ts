/** What the real kubectl reads, creates and deletes, and what it says where it may not. */
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { notInstalled } from '../harness/live.js';
import { describeUnless } from '../live/require-live.js';
import { byRules, everything, nothing } from './authorization.js';
import { recorded } from './cluster.js';
import { EXAMPLE, nodePod, run } from './example.js';
import { type Kubectl, kubectlWith } from './kubectl.js';
import { type Api, startApi } from './server.js';

const lacks = notInstalled('kubectl', 'openssl', 'setpriv');

describeUnless(lacks, 'the API server of the tests, to kubectl', () => {
  let api: Api;
  let kubectl: Kubectl;
  beforeAll(async () => {
    api = await startApi({ objects: EXAMPLE, run, podIP: () => '10.244.1.9' });
    kubectl = kubectlWith(api.kubeconfig);
  });
  afterAll(async () => {
    kubectl.remove();
    await api.close();
  });
  beforeEach(() => {
    const well = { lacksImages: false, neverStarts: false, podSecurity: false, silent: false };
    Object.assign(api.faults, { ...well, authorize: everything });
  });

  const ask = async (...args: string[]) => {
    const { outcome, stdout, stderr } = await kubectl.run(args);
    return { outcome, stdout: stdout.toString(), stderr };
  };
  const json = async (...args: string[]) => {
    const { outcome, stdout, stderr } = await ask(...args, '-o', 'json');
    expect({ outcome, stderr }).toEqual({ outcome: 0, stderr: '' });
    return JSON.parse(stdout);
  };
  const create = (document: string) => kubectl.run(['create', '-f', '-'], document);
  const refusal = (message: string | RegExp) => ({
    outcome: 1,
    stdout: '',
    stderr: typeof message === 'string' ? `${message}\n` : expect.stringMatching(message),
  });

  it.each([
    ['nodes', 'node'],
    ['services', 'service'],
    ['endpointslices', 'endpointslice'],
    ['namespaces', 'namespace'],
    ['pods', 'pod'],
  ] as const)('has %s in the shape of a real cluster', async (plural, kind) => {
    const { items } = await json('get', plural, '-A');
    const { metadata, ...real } = recorded(kind);
    const { kind: of, apiVersion, metadata: own, ...ours } = items[0];
    expect(of.toLowerCase()).toBe(kind);
    expect(apiVersion).toBe(kind === 'endpointslice' ? 'discovery.k8s.io/v1' : 'v1');
    expect(fields(ours)).toEqual(expect.arrayContaining(fields(real)));
    const given = ['creationTimestamp', 'name', 'resourceVersion', 'uid'];
    expect(Object.keys(metadata)).toEqual(expect.arrayContaining(given));
    expect(Object.keys(own)).toEqual(expect.arrayContaining(given));
  });

  it.each([
    ['pods', ['-l', 'app=echo'], ['pod/web-b']],
    ['pods', ['-l', 'app!=echo'], []],
    ['pods', ['-A', '--field-selector', 'spec.nodeName=node-b'], ['pod/web-b']],
    ['pods', ['--field-selector', 'spec.nodeName=node-a'], []],
    ['nodes', ['-l', 'zone'], ['node/node-a']],
    ['nodes', ['-l', '!zone,kubernetes.io/os=linux'], ['node/node-b']],
    ['svc', [], ['service/echo']],
    ['svc', ['-n', 'kube-system'], ['service/kube-dns']],
    [
      'endpointslices',
      ['-l', 'kubernetes.io/service-name=echo'],
      ['endpointslice.discovery.k8s.io/echo-x7k2p'],
    ],
  ])('lists %s with %j', async (plural, options, names) => {
    const { stdout } = await ask('get', plural, ...options, '-o', 'name');
    expect(stdout.split('\n').filter(line => line !== '')).toEqual(names);
  });

  it('creates a pod, which becomes ready, and deletes it', async () => {
    expect(await create(nodePod('comes'))).toMatchObject({ outcome: 0, stderr: '' });
    const ready = await ask('wait', '--for=condition=Ready', 'pod/comes', '--timeout=30s');
    expect(ready).toMatchObject({ outcome: 0, stdout: 'pod/comes condition met\n' });
    const { spec, status } = await json('get', 'pod', 'comes');
    expect(spec).toMatchObject({ hostPID: true, dnsPolicy: 'ClusterFirst', nodeName: 'node-a' });
    expect(status).toMatchObject({
      phase: 'Running',
      hostIP: '192.168.50.1',
      podIP: '192.168.50.1',
    });
    expect(Object.keys(status).sort()).toEqual(Object.keys(recorded('pod').status).sort());
    expect(await create(nodePod('comes'))).toMatchObject({
      stderr: expect.stringContaining('pods "comes" already exists'),
    });
    expect(await ask('delete', 'pod', 'comes')).toMatchObject({
      outcome: 0,
      stdout: expect.stringMatching(/^pod "comes" deleted/),
    });
    expect(await ask('get', 'pod', 'comes')).toEqual(
      refusal('Error from server (NotFound): pods "comes" not found'),
    );
  });

  it('shows a watch what happens to a pod', async () => {
    const watching = kubectl.start(['get', 'pods', '-w', '-o', 'jsonpath={.status.phase}{"\\n"}']);
    let seen = '';
    watching.stdout!.on('data', chunk => {
      seen += chunk;
    });
    const saw = async (phase: string) => {
      while (!seen.includes(`${phase}\n`)) await once(watching.stdout!, 'data');
    };
    await saw('Running');
    seen = '';
    await create(nodePod('short', {}, { command: ['sh', '-c', 'exit 3'] }));
    await saw('Failed');
    watching.kill();
    expect([...new Set(seen.trim().split('\n'))]).toEqual(['Pending', 'Running', 'Failed']);
    const { status } = await json('get', 'pod', 'short');
    expect(status.containerStatuses[0].state.terminated).toMatchObject({ exitCode: 3 });
    await ask('delete', 'pod', 'short');
  });

  it('ends a pod at its deadline', async () => {
    await create(nodePod('limited', { activeDeadlineSeconds: 1 }));
    const failed = ['wait', '--for=condition=Ready=false', 'pod/limited', '--timeout=30s'];
    await ask('wait', '--for=condition=Ready', 'pod/limited', '--timeout=30s');
    expect(await ask(...failed)).toMatchObject({ outcome: 0 });
    const { status } = await json('get', 'pod', 'limited');
    expect(status).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
    await ask('delete', 'pod', 'limited');
  });

  it('keeps the endpoint slice of a service that selects pods', async () => {
    const document = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'listener' } };
    const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
    const spec = { selector: { app: 'node-shell' }, ports };
    await create(JSON.stringify({ ...document, spec }));
    const slices = async () => {
      const { items } = await json(
        'get',
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=listener',
      );
      return items;
    };
    expect(await slices()).toMatchObject([
      { endpoints: [], ports: [{ name: 'http', port: 8080 }] },
    ]);
    await create(nodePod('listener', { hostNetwork: false, nodeName: 'node-b' }));
    await ask('wait', '--for=condition=Ready', 'pod/listener', '--timeout=30s');
    expect((await slices())[0].endpoints).toMatchObject([
      { addresses: ['10.244.1.9'], conditions: { ready: true }, nodeName: 'node-b' },
    ]);
    const [{ apiVersion, kind, addressType, metadata: kept }] = await slices();
    const byHand = { name: 'by-hand', labels: kept.labels };
    delete byHand.labels['endpointslice.kubernetes.io/managed-by'];
    const slice = { apiVersion, kind, addressType, metadata: byHand, endpoints: [], ports: [] };
    await create(JSON.stringify(slice));
    expect(await slices()).toMatchObject([{ metadata: { name: 'by-hand' } }]);
    await ask('delete', 'endpointslice/by-hand');
    expect(await slices()).toHaveLength(1);
    await ask('delete', 'pod/listener', 'service/listener');
    expect(await slices()).toEqual([]);
  });

  it('creates a service with an address, and deletes it', async () => {
    const metadata = { name: 'fresh' };
    const spec = { selector: { app: 'echo' }, ports: [{ port: 80, targetPort: 8080 }] };
    await create(JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata, spec }));
    const service = await json('get', 'service', 'fresh');
    expect(service.spec).toMatchObject({
      type: 'ClusterIP',
      clusterIP: expect.stringMatching(/^10\.96\./),
    });
    expect(await ask('delete', 'service', 'fresh')).toMatchObject({ outcome: 0 });
  });

  it('refuses what a user may not do, and says so beforehand', async () => {
    api.faults.authorize = nothing;
    const user = 'User "system:serviceaccount:default:tester"';
    expect(await ask('get', 'pods')).toEqual(
      refusal(
        `Error from server (Forbidden): pods is forbidden: ${user} cannot list resource "pods" in API group "" in the namespace "default"`,
      ),
    );
    expect(await ask('get', 'nodes', 'node-a')).toEqual(
      refusal(
        `Error from server (Forbidden): nodes "node-a" is forbidden: ${user} cannot get resource "nodes" in API group "" at the cluster scope`,
      ),
    );
    expect(await ask('auth', 'can-i', 'create', 'pods')).toMatchObject({
      stdout: 'no\n',
      outcome: 1,
    });
    api.faults.authorize = byRules([
      { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'], namespace: 'default' },
    ]);
    const can = (...what: string[]) => ask('auth', 'can-i', ...what);
    const exec = ['create', 'pods', '--subresource=exec'];
    expect(await can(...exec)).toMatchObject({ stdout: 'yes\n', outcome: 0 });
    expect(await can(...exec, '-n', 'kube-system')).toMatchObject({ stdout: 'no\n' });
    expect(await can('create', 'pods')).toMatchObject({ stdout: 'no\n' });
  });

  it('refuses a stranger', async () => {
    expect(await ask('--context', 'stranger', 'get', 'pods')).toEqual(
      refusal('error: You must be logged in to the server (Unauthorized)'),
    );
  });

  it('refuses pods with rights on their node where PodSecurity is in force', async () => {
    api.faults.podSecurity = true;
    expect(await create(nodePod('mighty'))).toMatchObject({
      outcome: 1,
      stderr: expect.stringContaining(
        'pods "mighty" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true, hostPID=true), privileged (container "shell" must not set securityContext.privileged=true)',
      ),
    });
  });

  it('lets a pod wait for an image that cannot be had', async () => {
    api.faults.lacksImages = true;
    await create(nodePod('imageless'));
    const seen = await ask('wait', '--for=condition=Ready', 'pod/imageless', '--timeout=1s');
    expect(seen).toEqual(refusal(/timed out waiting for the condition/));
    const { status } = await json('get', 'pod', 'imageless');
    expect(status).toMatchObject({
      phase: 'Pending',
      containerStatuses: [{ state: { waiting: { reason: 'ImagePullBackOff' } } }],
    });
    expect(await ask('exec', 'imageless', '--', 'true')).toEqual(
      refusal(/unable to upgrade connection: container not found \("shell"\)/),
    );
    await ask('delete', 'pod', 'imageless');
  });

  it('lets a pod never start', async () => {
    api.faults.neverStarts = true;
    await create(nodePod('stuck'));
    const seen = await ask('wait', '--for=condition=Ready', 'pod/stuck', '--timeout=1s');
    expect(seen).toEqual(refusal(/timed out waiting for the condition/));
    const { status } = await json('get', 'pod', 'stuck');
    expect(status).toMatchObject({
      phase: 'Pending',
      containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }],
    });
    await ask('delete', 'pod', 'stuck');
  });

  it('takes only names that can be one', async () => {
    expect(await create(nodePod('Upper'))).toMatchObject({
      outcome: 1,
      stderr: expect.stringMatching(
        /The Pod "Upper" is invalid: metadata\.name: Invalid value: "Upper": a lowercase RFC 1123/,
      ),
    });
  });

  it('answers a namespace that is not there, and a server that is silent', async () => {
    expect(await kubectl.run(['-n', 'nowhere', 'create', '-f', '-'], nodePod('x'))).toMatchObject({
      outcome: 1,
      stderr: expect.stringContaining('namespaces "nowhere" not found'),
    });
    api.faults.silent = true;
    expect(await ask('--request-timeout=1s', 'get', 'pods')).toEqual(
      refusal(/context deadline exceeded|Client\.Timeout/),
    );
  });
});

/** The paths of all fields: `spec.ports[].port`. */
function fields(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.length === 0 ? [path] : fields(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => fields(inner, `${path}.${key}`));
}
