/**
 * Whether this process may make the lab's namespaces, tried and not guessed: a system can grant a
 * user namespace and still refuse every right inside it (AppArmor on Ubuntu 24.04 does), so the trial
 * makes a link.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { messageOf, StalesumError } from '../errors.js';
import { MACHINE_VARIABLE, patience } from '../guest-environment.js';
import { findCommand, searchPath } from '../node/find-command.js';

/** How the namespaces are made. */
export interface WayIn {
  readonly kind: 'user-namespace' | 'real-root';
  /** Arguments of unshare(1), up to the command. */
  readonly unshareArgs: readonly string[];
}

/**
 * The user that real root becomes inside. Not 0: tcpdump would change to the user `tcpdump`, whom the
 * namespace does not have, and end. "nobody" has an entry in every passwd file.
 */
const INSIDE_ROOT = 65534;

const NAMESPACES = ['--net', '--mount', '--pid', '--fork', '--kill-child'] as const;
const TRIAL_SECONDS = 10;

/**
 * The way into namespaces of our own: a user namespace, or without one for real root.
 *
 * @throws StalesumError `not-permitted`, with what failed and the setting that likely forbids it;
 *   `missing-tool` without unshare or ip, or on a kernel without veth.
 */
export async function findWayIn(): Promise<WayIn> {
  const isRoot = process.geteuid?.() === 0;
  const userNamespace = throughUserNamespace();
  const refusal = await tryOut(userNamespace);
  if (refusal === undefined) {
    return userNamespace;
  }
  if (isRoot) {
    const realRoot: WayIn = { kind: 'real-root', unshareArgs: NAMESPACES };
    if ((await tryOut(realRoot)) === undefined) {
      return realRoot;
    }
  }
  throw faultOf(refusal, isRoot);
}

function throughUserNamespace(): WayIn {
  const uid = process.geteuid?.() || INSIDE_ROOT;
  const gid = process.getegid?.() || INSIDE_ROOT;
  return {
    kind: 'user-namespace',
    unshareArgs: [
      '--user',
      `--map-user=${uid}`,
      `--map-group=${gid}`,
      '--keep-caps',
      ...NAMESPACES,
    ],
  };
}

/** Makes a pair of links in namespaces that end with it. Gives the refusal, if it is one. */
function tryOut(way: WayIn): Promise<string | undefined> {
  const link = ['link', 'add', 'name', 'stalesum0', 'type', 'veth', 'peer', 'name', 'stalesum1'];
  const args = [...way.unshareArgs, '--', findCommand('ip'), ...link];
  const options = {
    env: { ...process.env, PATH: searchPath(), LC_ALL: 'C' },
    timeout: patience(TRIAL_SECONDS) * 1000,
    killSignal: 'SIGKILL',
  } as const;
  return new Promise(resolve => {
    execFile(findCommand('unshare'), args, options, (error, _stdout, stderr) => {
      resolve(error === null ? undefined : messageOf(stderr.trim() || error));
    });
  });
}

function faultOf(refusal: string, isRoot: boolean): StalesumError {
  if (/unknown device type|operation not supported/i.test(refusal)) {
    const remedy =
      process.env[MACHINE_VARIABLE] === undefined
        ? 'as root: modprobe -a veth vxlan bridge'
        : "say where the kernel's modules are: --modules .../lib/modules/VERSION";
    return new StalesumError('missing-tool', `this kernel has no veth links: ${refusal}`, remedy);
  }
  if (/unrecognized option|invalid option|unknown option/i.test(refusal)) {
    const remedy = 'install util-linux 2.36 or later: apt install util-linux';
    return new StalesumError('missing-tool', `this unshare is too old: ${refusal}`, remedy);
  }
  const { because, remedy } = likelyCause(isRoot);
  return new StalesumError(
    'not-permitted',
    `the lab needs namespaces of its own, and the system refuses them (${refusal}): ${because}`,
    remedy,
  );
}

interface Cause {
  readonly because: string;
  readonly remedy: string;
}

/** The first setting that explains a refusal, looked at in the order in which they are common. */
function likelyCause(isRoot: boolean): Cause {
  const setting = (key: string) => readNumber(`/proc/sys/${key.replaceAll('.', '/')}`);
  const sysctlCause = (key: string, value: number): Cause => ({
    because: `${key} is ${setting(key)}`,
    remedy: `as root: sysctl -w ${key}=${value}`,
  });
  if (!isRoot && setting('kernel.apparmor_restrict_unprivileged_userns') === 1) {
    return sysctlCause('kernel.apparmor_restrict_unprivileged_userns', 0);
  }
  if (!isRoot && setting('kernel.unprivileged_userns_clone') === 0) {
    return sysctlCause('kernel.unprivileged_userns_clone', 1);
  }
  for (const kind of ['user', 'net', 'mnt', 'pid']) {
    const key = `user.max_${kind}_namespaces`;
    if (setting(key) === 0) {
      return sysctlCause(key, 10_000);
    }
  }
  if (/^Seccomp:\s*2$/m.test(readText('/proc/self/status'))) {
    return {
      because: 'a seccomp filter is in force, as containers have one',
      remedy: 'start the container with --privileged, or run outside of it',
    };
  }
  return {
    because: 'no setting explains it (a security module, a chroot or a limit may)',
    remedy:
      'look at kernel.unprivileged_userns_clone, user.max_user_namespaces, ' +
      'kernel.apparmor_restrict_unprivileged_userns and, in a container, its seccomp profile' +
      (isRoot ? '' : '; or run it as root'),
  };
}

function readNumber(path: string): number | undefined {
  const text = readText(path).trim();
  return text === '' ? undefined : Number(text);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
