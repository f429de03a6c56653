/** What is in deploy/ for a watch: right as far as it can be told without a cluster and without systemd. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { watchCommand } from '../../src/program/watch.js';
import { PROJECT } from '../support/cli.js';

const UNIT = `${PROJECT}deploy/stalesum-watch.service`;
const MANIFEST = `${PROJECT}deploy/watch-daemonset.yaml`;
const { version } = JSON.parse(readFileSync(`${PROJECT}package.json`, 'utf8'));

const has = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;
const hasSystemd = has('systemd-analyze', '--version');
const hasKubectl = has('kubectl', 'version', '--client');

/** What the command does not know of some arguments, or takes for interfaces; it refuses wrong values. */
function leftOver([command, ...args]: readonly string[]): readonly string[] {
  expect(command).toBe('watch');
  const { operands, unknown } = watchCommand(() => undefined).parseOptions([...args]);
  return [...operands, ...unknown];
}

describe('the unit for systemd', () => {
  const unit = readFileSync(UNIT, 'utf8');
  const settings = new Map(
    [...unit.matchAll(/^([A-Za-z]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );

  it('has one capability, no root, and options that there are', () => {
    expect(settings.get('CapabilityBoundingSet')).toBe('CAP_NET_RAW');
    expect(settings.get('AmbientCapabilities')).toBe('CAP_NET_RAW');
    expect(settings.get('DynamicUser')).toBe('yes');
    expect(settings.has('User')).toBe(false);
    const [file, ...args] = settings.get('ExecStart')?.split(' ') ?? [];
    expect(file).toBe('/usr/local/bin/stalesum');
    expect(leftOver(args)).toEqual([]);
  });

  it.skipIf(!hasSystemd)(`is one for systemd${hasSystemd ? '' : ' (skipped: not here)'}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'stalesum-unit-'));
    try {
      const path = join(folder, 'stalesum-watch.service');
      const verify = (text: string) => {
        writeFileSync(path, text);
        return spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8' });
      };
      const installed = unit.replace(/^(ExecStart=)\S+/m, `$1${process.execPath}`);
      const { status, stderr } = verify(installed);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      // It would have something to say.
      expect(verify(installed.replace('DynamicUser=', 'DynamicLoser=')).stderr).toContain(
        'DynamicLoser',
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe.skipIf(!hasKubectl)(`the manifest${hasKubectl ? '' : ' (skipped: no kubectl)'}`, () => {
  /** As kubectl's own types have it, without any cluster; what they do not know is left out. */
  const objects = () => {
    const args = ['annotate', '--local', '-f', MANIFEST, 'checked=yes', '-o', 'json'];
    const { status, stdout, stderr } = spawnSync('kubectl', args, { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return JSON.parse(`[${stdout.replace(/^}\n{$/gm, '},{')}]`);
  };

  it('has no field that Kubernetes does not know', () => {
    const text = JSON.stringify(objects());
    const keys = [...readFileSync(MANIFEST, 'utf8').matchAll(/^[ -]*([A-Za-z][\w./-]*):( |$)/gm)];
    expect(keys.length).toBeGreaterThan(50);
    for (const [, key] of keys) expect(text).toContain(`"${key}":`);
  });

  it('asks for as little as it can', () => {
    const [namespace, daemonSet] = objects();
    expect([namespace.kind, daemonSet.kind]).toEqual(['Namespace', 'DaemonSet']);
    const { metadata, spec } = daemonSet.spec.template;
    expect(daemonSet.spec.selector.matchLabels).toEqual(metadata.labels);
    expect(daemonSet.metadata.namespace).toBe(namespace.metadata.name);
    expect(spec).toMatchObject({
      hostNetwork: true,
      automountServiceAccountToken: false,
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
    });
    for (const more of ['hostPID', 'hostIPC', 'serviceAccountName', 'initContainers']) {
      expect(spec).not.toHaveProperty(more);
    }
    const [watch, ...others] = spec.containers;
    expect(others).toEqual([]);
    expect(watch.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
    });
    expect(watch.image).toBe(`stalesum:${version}`);
    const args = watch.args.map((arg: string) => arg.replace('$(NODE_IP)', '192.0.2.1'));
    expect(leftOver(args)).toEqual([]);
    expect(watch.resources.limits.memory).toBe('256Mi');
    expect(watch.volumeMounts[0].mountPath).toBe(args.at(-1));
    expect(args).toContain(`192.0.2.1:${watch.ports[0].containerPort}`);
    expect(watch.livenessProbe.httpGet).toMatchObject({ path: '/healthz', port: 'metrics' });
  });
});
