// Builds a lab, with a container of Podman in the network namespace of each of its nodes, as kind has them;
// then runs a command there, with our streams:
//   node podman-entry.mjs '{"scenario": NAME, "image": "bare" | "whole"}' COMMAND ARGS...
// Root goes without a user namespace, where Podman can have all ids; others are root in one of their own.
// The containers' root file system is a folder: "bare" has a shell and little else, "whole" this machine's
// programs. No registry is asked.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { insideLab, labMarker } from '../../dist/lab/lifeline.js';
import { findCommand, searchPath } from '../../dist/node/find-command.js';

const [options, command, ...args] = process.argv.slice(2);
const { scenario, image = 'bare' } = JSON.parse(options);
process.exitCode = insideLab() ? await inside() : await outside();

async function outside() {
  const user = process.getuid() === 0 ? [] : ['--user', '--map-root-user'];
  const spaces = ['--net', '--mount', '--pid', '--cgroup', '--fork', '--kill-child'];
  const again = [process.execPath, ...process.argv.slice(1)];
  const guard = [findCommand('setpriv'), '--pdeathsig', 'KILL', '--'];
  const [file, ...rest] = [...guard, findCommand('unshare'), ...user, ...spaces, '--', ...again];
  const child = spawn(file, rest, {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, ...labMarker, PATH: searchPath() },
  });
  child.stdio[3].resume();
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => child.stdio[3].write(`${signal}\n`));
  }
  const [code] = await once(child, 'exit');
  return code ?? 137;
}

async function inside() {
  const { startLab } = await import('../../dist/lab/lab.js');
  const { scenarioNamed } = await import('../../dist/lab/scenarios.js');
  const { onInterrupt } = await import('../../dist/lab/lifeline.js');
  const lab = await startLab(scenarioNamed(scenario));
  const podman = preparePodman();
  try {
    for (const node of ['node-a', 'node-b']) podman.start(node);
    const child = spawn(command, args, { stdio: 'inherit', env: podman.env });
    onInterrupt(signal => child.kill(signal));
    const [code, signal] = await once(child, 'exit');
    return code ?? (signal ? 137 : 1);
  } finally {
    podman.run('rm', '-f', '-t', '0', '--all');
    await lab.close();
  }
}

function preparePodman() {
  const folder = mkdtempSync('/run/podman-');
  const root = join(folder, 'root');
  const volumes = image === 'whole' ? wholeRoot(root) : bareRoot(root);
  ownCgroups();
  const storage = join(folder, 'storage.conf');
  const paths = `runroot = "${folder}/run"\ngraphroot = "${folder}/graph"\n`;
  writeFileSync(storage, `[storage]\ndriver = "vfs"\n${paths}`);
  const settings = join(folder, 'containers.conf');
  writeFileSync(
    settings,
    '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n' +
      `[network]\nnetwork_config_dir = "${folder}"\n`,
  );
  const env = {
    ...process.env,
    PATH: searchPath(),
    HOME: folder,
    XDG_RUNTIME_DIR: folder,
    CONTAINERS_STORAGE_CONF: storage,
    CONTAINERS_CONF: settings,
  };
  const run = (...words) =>
    execFileSync('podman', words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const start = node =>
    run(
      ...['run', '--detach', '--name', `kind-${node}`, '--network', `ns:/run/netns/${node}`],
      ...[
        '--privileged',
        '--cgroups=disabled',
        '--log-driver=none',
        '--ulimit=host',
        '--pid=private',
      ],
      ...['--security-opt', 'label=disable', '--security-opt', 'seccomp=unconfined'],
      ...volumes.flatMap(path => ['--volume', `${path}:${path}:ro`]),
      ...['--rootfs', root, 'sleep', 'infinity'],
    );
  return { env, run, start };
}

/** Enough to say who one is. */
function bareRoot(root) {
  emptyRoot(root);
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  for (const name of ['sh', 'cat', 'readlink', 'sleep']) {
    copyFileSync(findCommand(name), join(root, 'usr/bin', name));
  }
  for (const name of ['bin', 'sbin']) symlinkSync('usr/bin', join(root, name));
  return [linked(root, 'lib'), linked(root, 'lib64')].flat();
}

function wholeRoot(root) {
  emptyRoot(root);
  mkdirSync(join(root, 'usr'));
  return ['/usr', ...['bin', 'sbin', 'lib', 'lib64'].flatMap(name => linked(root, name, true))];
}

/** A system's folder that is a link into /usr, as nearly everywhere by now, or one of its own. */
function linked(root, name, hasUsr = false) {
  const inUsr = `/usr/${name}`;
  if (!existsSync(inUsr)) return existsSync(`/${name}`) ? [`/${name}`] : [];
  symlinkSync(inUsr.slice(1), join(root, name));
  return hasUsr ? [] : [inUsr];
}

function emptyRoot(root) {
  for (const name of ['proc', 'sys', 'dev', 'tmp', 'etc', 'run', 'var']) {
    mkdirSync(join(root, name), { recursive: true });
  }
}

/** crun refuses the mixed tree of cgroups that some machines have; a container here needs none. */
function ownCgroups() {
  try {
    execFileSync('umount', ['-l', '/sys/fs/cgroup'], { stdio: 'ignore' });
  } catch {
    // In a user namespace it is not ours to unmount; the mount covers it.
  }
  execFileSync('mount', ['-t', 'cgroup2', 'cgroup2', '/sys/fs/cgroup'], { stdio: 'ignore' });
}
