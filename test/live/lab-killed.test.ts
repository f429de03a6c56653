import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  childrenOf,
  eventually,
  namespacesOf,
  processesIn,
  processesMarked,
  surroundings,
  ticksNow,
} from '../lab/processes.js';
import { PROJECT, type StartedLab, startLabProcess, startReadyLab } from '../lab/run.js';
import { describeLive } from './require-live.js';

/** The processes of a lab that stands: the CLI, unshare, and process 1 inside. */
async function chainOf(lab: StartedLab) {
  const [unshare] = childrenOf(lab.child.pid);
  const [inner] = childrenOf(unshare!);
  return { outer: lab.child.pid, unshare: unshare!, inner: inner! };
}

/** The namespaces that a lab's processes are in and we are not. */
function ownNamespaces(lab: StartedLab): string[] {
  const ours = namespacesOf(process.pid);
  const all = new Set(processesMarked(lab.mark).flatMap(namespacesOf));
  return [...all].filter(name => !ours.includes(name));
}

/** Nothing that has the lab's mark, and nobody in the namespaces that it was seen to have. */
async function expectNothingLeft(lab: StartedLab, namespaces: readonly string[] = []) {
  const now = ticksNow();
  const left = () => [...processesMarked(lab.mark), ...processesIn(namespaces, now)];
  await eventually(() => left().length === 0);
  expect(left()).toEqual([]);
}

describeLive('a killed lab', () => {
  const before = surroundings();

  it('is one that we would see: a running one has processes and namespaces', async () => {
    const lab = await startReadyLab();
    expect(processesMarked(lab.mark).length).toBeGreaterThanOrEqual(5);
    // user, mnt and pid; net: around the lab, node-a and web (nobody is in the others now).
    expect(ownNamespaces(lab)).toHaveLength(6);
    lab.child.kill('SIGKILL');
    await expectNothingLeft(lab);
  });

  it('leaves nothing when the CLI is killed while a command runs', async () => {
    const lab = await startReadyLab();
    const namespaces = ownNamespaces(lab);
    lab.child.kill('SIGKILL');
    expect(await lab.outcome).toBe('SIGKILL');
    await expectNothingLeft(lab, namespaces);
  });

  it('leaves nothing when the CLI is killed while process 1 inside is stopped', async () => {
    const lab = await startReadyLab();
    const namespaces = ownNamespaces(lab);
    process.kill((await chainOf(lab)).inner, 'SIGSTOP');
    lab.child.kill('SIGKILL');
    await expectNothingLeft(lab, namespaces);
  });

  it('leaves nothing when the CLI is killed while unshare is stopped', async () => {
    const lab = await startReadyLab();
    const namespaces = ownNamespaces(lab);
    process.kill((await chainOf(lab)).unshare, 'SIGSTOP');
    lab.child.kill('SIGKILL');
    await expectNothingLeft(lab, namespaces);
  });

  it.each([
    'unshare',
    'inner',
  ] as const)('leaves nothing and gives 137 when %s is killed', async which => {
    const lab = await startReadyLab();
    const namespaces = ownNamespaces(lab);
    process.kill((await chainOf(lab))[which], 'SIGKILL');
    expect(await lab.outcome).toBe(137);
    await expectNothingLeft(lab, namespaces);
  });

  it('leaves nothing when the CLI is killed as its first child appears', async () => {
    for (let run = 0; run < 5; run++) {
      const lab = startLabProcess('unpatched', ['sleep', '1000']);
      await eventually(() => childrenOf(lab.child.pid).length > 0);
      lab.child.kill('SIGKILL');
      await lab.outcome;
      await expectNothingLeft(lab);
    }
  });

  it('leaves nothing when the CLI is killed as process 1 inside appears', async () => {
    for (let run = 0; run < 5; run++) {
      const lab = startLabProcess('unpatched', ['sleep', '1000']);
      const inner = () => childrenOf(lab.child.pid).flatMap(childrenOf);
      await eventually(() => inner().length > 0);
      lab.child.kill('SIGKILL');
      await lab.outcome;
      await expectNothingLeft(lab);
    }
  });

  describe('at any moment of its start', () => {
    // Not deadlines, but a sweep over the start, the build and the run.
    const moments = Array.from({ length: 24 }, (_, index) => index * 40);

    it.each(moments)('leaves nothing when the CLI is killed %i ms in', async milliseconds => {
      const lab = startLabProcess('unpatched', ['sleep', '1000']);
      await once(lab.child, 'spawn');
      await setTimeout(milliseconds);
      const namespaces = ownNamespaces(lab);
      lab.child.kill('SIGKILL');
      await lab.outcome;
      await expectNothingLeft(lab, namespaces);
    });
  });

  it('has touched neither our links nor our mounts', () => {
    expect(surroundings()).toEqual(before);
  });
});

it('a command of a local node dies with a killed caller, outside of any lab', async () => {
  const mark = `node-test-${randomUUID()}`;
  const script = `
    import { localNode } from ${JSON.stringify(`${PROJECT}dist/node/local.js`)};
    localNode().start('sh', ['-c', 'echo up; while :; do sleep 1; done']).stdout.pipe(process.stdout);
  `;
  const caller = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: { ...process.env, LAB_TEST_MARK: mark },
  });
  await once(caller.stdout, 'data');
  expect(processesMarked(mark).length).toBeGreaterThanOrEqual(2);
  caller.kill('SIGKILL');
  // The sleep of a killed shell ends by itself.
  await eventually(() => processesMarked(mark).length === 0);
  expect(processesMarked(mark)).toEqual([]);
});
