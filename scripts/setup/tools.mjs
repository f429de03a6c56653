/** The system tools that stalesum and its tests run, the packages they come in, and which are missing. */
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';

/**
 * `neededFor: 'tests'` is what only the tests run, 'reproduce' what the lab needs. The packages have Debian's names
 * unless a package manager has another. Alpine's util-linux pulls in its parts, but not in every release setpriv.
 */
export const toolPackages = [
  entry('reproduce', ['ip', 'bridge', 'ss'], 'iproute2', { dnf: 'iproute' }),
  entry('reproduce', ['iptables', 'iptables-save', 'iptables-restore'], 'iptables', {
    dnf: 'iptables-nft',
  }),
  entry('reproduce', ['nft'], 'nftables'),
  entry('reproduce', ['conntrack'], 'conntrack', {
    dnf: 'conntrack-tools',
    apk: 'conntrack-tools',
    pacman: 'conntrack-tools',
  }),
  entry('reproduce', ['ethtool'], 'ethtool'),
  entry('reproduce', ['tcpdump'], 'tcpdump'),
  entry('reproduce', ['unshare', 'nsenter'], 'util-linux'),
  entry('reproduce', ['setpriv'], 'util-linux', { apk: 'setpriv' }),
  entry('tests', ['ipset'], 'ipset'),
  entry('tests', ['tshark'], 'tshark', { dnf: 'wireshark-cli', pacman: 'wireshark-cli' }),
  entry('tests', ['editcap', 'capinfos'], 'wireshark-common', {
    dnf: 'wireshark-cli',
    pacman: 'wireshark-cli',
  }),
  entry('tests', ['bc'], 'bc'),
  entry('tests', ['setsid'], 'util-linux'),
  entry('tests', ['ssh', 'ssh-keygen'], 'openssh-client', {
    dnf: 'openssh-clients',
    apk: 'openssh',
    pacman: 'openssh',
  }),
  service('tests', ['sshd'], 'openssh-server', { apk: 'openssh', pacman: 'openssh' }),
  service('tests', ['podman'], 'podman'),
  entry('tests', ['crun'], 'crun'),
  entry('tests', ['kubectl'], 'kubernetes-client', {
    dnf: 'kubernetes-client',
    apk: 'kubectl',
    pacman: 'kubectl',
  }),
  entry('tests', ['openssl'], 'openssl'),
  entry('tests', ['python3'], 'python3', { pacman: 'python' }),
  entry('tests', ['bash'], 'bash'),
  entry('tests', ['curl'], 'curl'),
  entry('tests', ['nc'], 'netcat-openbsd', { dnf: 'nmap-ncat', pacman: 'openbsd-netcat' }),
  entry('tests', ['dig'], 'bind9-dnsutils', {
    dnf: 'bind-utils',
    apk: 'bind-tools',
    pacman: 'bind',
  }),
  entry('tests', ['chromium'], 'chromium'),
  entry('tests', ['qemu-system-x86_64'], 'qemu-system-x86', {
    dnf: 'qemu-system-x86-core',
    apk: 'qemu-system-x86_64',
  }),
  entry('tests', ['cpio'], 'cpio'),
  entry('tests', ['bsdtar'], 'libarchive-tools', { dnf: 'bsdtar', pacman: 'libarchive' }),
  entry('tests', ['depmod'], 'kmod'),
];

function entry(neededFor, commands, name, others = {}) {
  return { neededFor, commands, apt: name, dnf: name, apk: name, pacman: name, ...others };
}

/** A package that also starts a service, where systemd runs: nobody wants an ssh server for having run tests. */
function service(...arguments_) {
  return { ...entry(...arguments_), startsService: true };
}

/** What may be installed unasked. */
export function withoutServices(missing) {
  return existsSync('/run/systemd/system')
    ? missing.filter(entry => !entry.startsService)
    : missing;
}

const installCommands = {
  apt: 'apt-get install -y --no-install-recommends',
  dnf: 'dnf install -y',
  apk: 'apk add',
  pacman: 'pacman -S --needed',
};

/** Where commands are looked for, as stalesum does: in PATH, and where ordinary users' PATH does not lead. */
export function searchFolders(path = process.env.PATH) {
  const folders = (path ?? '').split(delimiter).filter(folder => folder !== '');
  return [...new Set([...folders, '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'])];
}

/** The entries of the table with a command that no folder has; `commands` only those. */
export function missingTools(purpose, folders) {
  return toolPackages
    .filter(({ neededFor }) => purpose === 'tests' || neededFor === purpose)
    .map(entry => ({
      ...entry,
      commands: entry.commands.filter(name => findCommand(name, folders) === undefined),
    }))
    .filter(({ commands }) => commands.length > 0);
}

/** Where a command is. BusyBox has an ip, an unshare and a nsenter, but without what the lab needs of them. */
export function findCommand(name, folders) {
  return folders
    .map(folder => join(folder, name))
    .find(path => isExecutable(path) && basename(realpathSync(path)) !== 'busybox');
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function packagesOf(missing, manager) {
  return [...new Set(missing.map(entry => entry[manager]))];
}

/** What is missing, and for each package manager the command line that brings it. */
export function howToInstall(missing) {
  const commands = missing.flatMap(entry => entry.commands).join(' ');
  const lines = Object.entries(installCommands).map(
    ([manager, install]) => `  ${install} ${packagesOf(missing, manager).join(' ')}`,
  );
  return [`missing: ${commands}. As root, one of:`, ...lines].join('\n');
}
