/** `kubectl exec` over each protocol that a real server offers: streams, exit codes, ends of all kinds. */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { notInstalled } from '../harness/live.js';
import { describeUnless } from '../live/require-live.js';
import { byRules } from './authorization.js';
import { EXAMPLE, nodePod, run } from './example.js';
import { type Kubectl, kubectlWith } from './kubectl.js';
import type { Pod } from './objects.js';
import { PODS } from './objects.js';
import { processesOf } from './processes.js';
import { type Api, startApi } from './server.js';

const lacks = notInstalled('kubectl', 'openssl', 'setpriv', 'setsid');
const MEGABYTE = 2 ** 20;

/**
 * From 1.31 on kubectl prefers WebSocket, and falls back where it is refused. Which one it is cannot be told
 * by its version: Google's starts another one to suit the server's.
 */
async function protocols(): Promise<readonly ('SPDY' | 'WebSocket')[]> {
  const api = await startApi({ objects: EXAMPLE, run });
  const kubectl = kubectlWith(api.kubeconfig);
  await kubectl.run(['exec', 'web-b', '--', 'true']);
  kubectl.remove();
  await api.close();
  const isPost = api.requests.some(request => /^POST .*exec/.test(request));
  return isPost ? ['SPDY'] : ['WebSocket', 'SPDY'];
}

for (const protocol of lacks === undefined ? await protocols() : (['SPDY'] as const)) {
  const overWebSocket = protocol === 'WebSocket';
  describeUnless(lacks, `kubectl exec over ${protocol}`, () => {
    let api: Api;
    let kubectl: Kubectl;
    beforeAll(async () => {
      api = await startApi({
        objects: EXAMPLE,
        run,
        faults: { refusesWebSockets: !overWebSocket },
      });
      kubectl = kubectlWith(api.kubeconfig);
      await createPod('shell');
    });
    afterAll(async () => {
      kubectl.remove();
      await api.close();
    });

    async function createPod(pod: string, more: object = {}) {
      const created = await kubectl.run(['create', '-f', '-'], nodePod(pod, more));
      expect(created).toMatchObject({ outcome: 0, stderr: '' });
      await kubectl.run(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=30s']);
    }

    const exec = (...argv: string[]) => kubectl.run(['exec', 'shell', '--', ...argv]);
    const shell = (script: string) => exec('sh', '-c', script);
    const feed = (input: Uint8Array | string, ...argv: string[]) =>
      kubectl.run(['exec', '-i', 'shell', '--', ...argv], input);
    const processes = (pod: string) =>
      processesOf(
        api.store.get<Pod>({ resource: PODS, namespace: 'default', name: pod }).metadata.uid,
      );
    const nameOf = (pid: number) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');

    it('gives arguments, output and errors as they are', async () => {
      const odd = ['$(id)', '; ls', '"', "'", '*', '', '-x', '--', 'a\nb', 'ü &?+%20'];
      const { outcome, stdout } = await exec('printf', '<%s>', ...odd);
      expect({ outcome, stdout: stdout.toString() }).toEqual({
        outcome: 0,
        stdout: odd.map(word => `<${word}>`).join(''),
      });
      const both = await shell('echo out; echo err >&2');
      expect(both).toEqual({ outcome: 0, stdout: Buffer.from('out\n'), stderr: 'err\n' });
    });

    it('goes over the protocol that was wanted', async () => {
      await exec('true');
      const last = api.requests.findLast(request => request.includes('/exec?')) ?? '';
      expect(last.split(' ')[0]).toBe(overWebSocket ? 'GET' : 'POST');
    });

    it.each([
      ['exit 7', 7],
      ['exit 255', 255],
      ['kill -KILL $$', 137],
      ['kill -TERM $$', 143],
    ])('brings the exit code of `%s`', async (script, code) => {
      expect(await shell(script)).toEqual({
        ...{ outcome: code, stdout: Buffer.alloc(0) },
        stderr: `command terminated with exit code ${code}\n`,
      });
    });

    it('says that there is no such program, container or pod', async () => {
      expect(await exec('no-such-program')).toMatchObject({
        outcome: 1,
        stderr: expect.stringMatching(
          /^error: Internal error occurred: error executing command in container: .*exec: "no-such-program": executable file not found in \$PATH/,
        ),
      });
      expect(await kubectl.run(['exec', 'shell', '-c', 'other', '--', 'true'])).toMatchObject({
        outcome: 1,
        stderr: expect.stringContaining('container other is not valid for pod shell'),
      });
      await kubectl.run(['create', '-f', '-'], nodePod('waits', { nodeName: 'node-z' }));
      const unstarted = await kubectl.run(['exec', 'waits', '--', 'true']);
      expect(unstarted).toMatchObject({
        outcome: 1,
        stderr: expect.stringContaining('node-z:10250'),
      });
      expect(await kubectl.run(['exec', 'nopod', '--', 'true'])).toMatchObject({
        outcome: 1,
        stderr: 'Error from server (NotFound): pods "nopod" not found\n',
      });
    });

    it('brings ten megabytes there and back, and the end of the input', async () => {
      const bytes = randomBytes(10 * MEGABYTE);
      const { outcome, stdout, stderr } = await feed(bytes, 'cat');
      expect({ outcome, stderr }).toEqual({ outcome: 0, stderr: '' });
      expect(stdout.equals(bytes)).toBe(true);
      expect((await feed(bytes, 'wc', '-c')).stdout.toString().trim()).toBe(String(bytes.length));
      expect((await feed('', 'cat')).stdout).toHaveLength(0);
    });

    it('ends with a command that does not read its input', async () => {
      expect(await feed(randomBytes(MEGABYTE), 'true')).toMatchObject({ outcome: 0 });
      expect(await exec('cat')).toMatchObject({ outcome: 0, stdout: Buffer.alloc(0) });
    });

    it('holds a command back whose output nobody takes', async () => {
      const script = `head -c ${200 * MEGABYTE} /dev/zero; echo all >&2; sleep 60`;
      const child = kubectl.start(['exec', 'shell', '--', 'sh', '-c', script]);
      let told = '';
      child.stderr!.on('data', chunk => {
        told += chunk;
      });
      await once(child.stdout!.pause(), 'readable');
      const head = await running('shell', 'head -c');
      const written = () =>
        Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${head}/io`, 'utf8'))?.[1]);
      let [before, quiet] = [-1, 0];
      for (let tries = 0; tries < 600 && quiet < 10; tries++) {
        await sleep(50);
        quiet = written() === before ? quiet + 1 : 0;
        before = written();
      }
      expect(quiet).toBe(10);
      expect(before).toBeLessThan(100 * MEGABYTE);
      child.stdout!.resume();
      while (!told.includes('all')) await once(child.stderr!, 'data');
      child.kill('SIGKILL');
    });

    it.each([
      // Over SPDY kubectl takes the end of the error channel for success (kubernetes issue 73056).
      ['the connection', () => api.cut(), overWebSocket ? 1 : 0],
      ['kubectl', (child: ChildProcess) => child.kill('SIGKILL'), 'SIGKILL'],
    ] as const)('ends the input, but not the command, when %s is cut off', async (_, cutOff, how) => {
      await createPod('left');
      const script = 'cat; echo ended >&2; exec sleep 100';
      const child = kubectl.start(['exec', '-i', 'left', '--', 'sh', '-c', script]);
      const said = text(child.stderr!);
      const exit = once(child, 'exit');
      child.stdin!.write('x');
      await once(child.stdout!, 'data');
      cutOff(child);
      const [code, signal] = await exit;
      expect(code ?? signal).toBe(how);
      expect(await said).not.toContain('ended');
      await running('left', 'sleep 100');
      await kubectl.run(['delete', 'pod', 'left']);
    });

    it('ends with its pod, and so does what hid from it', async () => {
      await createPod('ends', { terminationGracePeriodSeconds: 30 });
      const uid = api.store.get<Pod>({ resource: PODS, namespace: 'default', name: 'ends' })
        .metadata.uid;
      const hide = 'setsid sleep 101 </dev/null >/dev/null 2>&1 &';
      await kubectl.run(['exec', 'ends', '--', 'sh', '-c', hide]);
      await running('ends', 'sleep 101');
      const exit = once(kubectl.start(['exec', 'ends', '--', 'sleep', '102']), 'exit');
      await running('ends', 'sleep 102');
      expect(await kubectl.run(['delete', 'pod', 'ends'])).toMatchObject({ outcome: 0 });
      expect(await exit).toEqual([137, null]);
      expect(processesOf(uid)).toEqual([]);
    });

    it('needs the right to create pods/exec, and no other', async () => {
      const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
      const creates = { apiGroups: [''], resources: ['pods/exec'], verbs: ['create'] };
      api.faults.authorize = byRules([pods]);
      expect(await exec('true')).toMatchObject({
        outcome: 1,
        stderr: expect.stringMatching(/pods "shell" is forbidden: .* "pods\/exec" in API group ""/),
      });
      api.faults.authorize = byRules([pods, creates]);
      expect(await exec('true')).toMatchObject({ outcome: 0, stderr: '' });
      api.faults.authorize = () => true;
    });

    it('fails where the node is gone, whose pods neither start nor end', async () => {
      api.loseNode('node-a');
      expect(await exec('true')).toMatchObject({
        outcome: 1,
        stderr:
          'Error from server: error dialing backend: dial tcp 192.168.50.1:10250: connect: no route to host\n',
      });
      await kubectl.run(['create', '-f', '-'], nodePod('never'));
      const waits = ['wait', '--for=condition=Ready', 'pod/never', '--timeout=1s'];
      expect(await kubectl.run(waits)).toMatchObject({ outcome: 1 });
      const phase = ['get', 'pod', 'never', '-o', 'jsonpath={.status.phase}'];
      expect((await kubectl.run(phase)).stdout.toString()).toBe('Pending');
    });

    /** Waits for a process of the pod with such a command line; its id. */
    async function running(pod: string, line: string): Promise<number> {
      for (let tries = 0; tries < 1000; tries++) {
        const found = processes(pod).find(pid => nameOf(pid).startsWith(line));
        if (found !== undefined) return found;
        await sleep(10);
      }
      throw new Error(`${line} does not run in ${pod}`);
    }
  });
}
