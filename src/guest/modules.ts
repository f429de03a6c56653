/**
 * The modules that the lab needs of a kernel, in the order in which they can be loaded. What depends on
 * what is read from the modules themselves (.modinfo), since modules.dep is made only by depmod(8) when
 * a kernel is installed, and an unpacked package has none.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { messageOf, StalesumError } from '../errors.js';
import { findCommand } from '../node/find-command.js';
import { elfSection } from './elf.js';
import type { KernelImage } from './kernel-image.js';

export interface KernelModule {
  /** With underscores, as lsmod prints it. */
  readonly name: string;
  /** Not compressed. */
  readonly bytes: Buffer;
}

/** Without these no lab can be. */
const REQUIRED = ['veth', 'bridge', 'vxlan', 'nf_conntrack', 'nf_nat', 'x_tables'];

/**
 * What the lab's rules, captures and snapshots use, where the kernel has it. The guest has no modprobe,
 * so what other kernels load on demand is loaded at the start. Some names are those of older kernels.
 */
const WANTED = [
  // libcrc32c asks for it by another name than its own.
  ...['crc32c_generic', 'crc32c_intel'],
  ...['ipv6', 'unix', 'af_packet', 'packet_diag', 'inet_diag', 'tcp_diag', 'udp_diag', 'unix_diag'],
  ...['veth', 'bridge', 'vxlan', 'dummy'],
  ...['sch_netem', 'sch_ingress', 'cls_u32', 'cls_matchall', 'act_gact', 'act_pedit', 'act_mirred'],
  ...['nfnetlink', 'nfnetlink_log', 'nf_conntrack', 'nf_conntrack_netlink', 'nf_nat'],
  ...['nf_conntrack_ipv4', 'nf_conntrack_ipv6', 'nf_nat_ipv4', 'nf_nat_ipv6'],
  ...['nf_nat_masquerade_ipv4', 'nf_nat_masquerade_ipv6', 'nf_log_syslog', 'nf_log_ipv4'],
  ...['x_tables', 'ip_tables', 'iptable_filter', 'iptable_mangle', 'iptable_nat', 'iptable_raw'],
  ...['ip6_tables', 'ip6table_filter', 'ip6table_mangle', 'ip6table_nat', 'ip6table_raw'],
  ...['ipt_MASQUERADE', 'ip6t_MASQUERADE', 'ipt_REJECT', 'ip6t_REJECT'],
  ...['ip_set', 'ip_set_hash_ip', 'ip_set_hash_net'],
  ...['nf_tables', 'nf_tables_set', 'nf_tables_inet', 'nf_tables_ipv4', 'nf_tables_ipv6'],
  ...['nf_tables_bridge'],
];

/** Matches, targets and expressions of rules: they do nothing until a rule has them, so all are taken. */
const WANTED_BY_PREFIX = ['xt_', 'nft_'];

/**
 * The folder of a kernel's modules: the one given, or where distributions have it relative to the image
 * (`/boot/vmlinuz-VERSION` and `/lib/modules/VERSION`, also in an unpacked package).
 *
 * @returns `undefined` for a kernel that has none; everything must be built in then
 * @throws StalesumError `bad-input` if the folder given is none
 */
export function modulesFolder(image: KernelImage, given: string | undefined): string | undefined {
  if (given === undefined) {
    const beside = join(image.path, '../../lib/modules', image.release);
    return existsSync(beside) ? beside : undefined;
  }
  const folders = [given, join(given, image.release)];
  const found = folders.find(folder =>
    ['modules.builtin', 'modules.order', 'modules.dep'].some(name =>
      existsSync(join(folder, name)),
    ),
  );
  if (found !== undefined) return found;
  throw new StalesumError(
    'bad-input',
    `${given}: expected a folder of modules, as /lib/modules/${image.release} is one`,
  );
}

/**
 * Reads what the lab needs from a folder of modules, in the order of loading.
 *
 * @throws StalesumError `missing-tool` if the kernel lacks what no lab can do without; `bad-input` if
 *   the modules are for another kernel
 */
export function labModules(folder: string, release: string): KernelModule[] {
  const modules = new ModuleFolder(folder);
  const lacking = modules.lists ? REQUIRED.filter(name => !modules.has(name)) : [];
  if (lacking.length > 0) {
    throw new StalesumError(
      'missing-tool',
      `${folder}: this kernel has no ${lacking.join(', no ')}, which the lab needs`,
      'take a kernel with these modules (of Ubuntu: linux-modules and linux-modules-extra)',
    );
  }
  const order = new Map<string, Buffer>();
  const parts = modules.names.filter(name =>
    WANTED_BY_PREFIX.some(start => name.startsWith(start)),
  );
  for (const name of [...WANTED, ...parts]) addWithDependencies(name, modules, order, []);
  for (const [name, bytes] of order) {
    const [version] = (moduleInfo(bytes).get('vermagic') ?? '').split(' ');
    if (version !== release) {
      throw new StalesumError(
        'bad-input',
        `${folder}: its module ${name} is for Linux ${version}, the image is Linux ${release}`,
      );
    }
  }
  return [...order].map(([name, bytes]) => ({ name, bytes }));
}

/** Depth first: what a module needs comes before it. */
function addWithDependencies(
  name: string,
  modules: ModuleFolder,
  order: Map<string, Buffer>,
  above: readonly string[],
): void {
  if (order.has(name) || above.includes(name)) return;
  const bytes = modules.read(name);
  if (bytes === undefined) return;
  const dependencies = (moduleInfo(bytes).get('depends') ?? '').split(',').filter(Boolean);
  for (const dependency of dependencies) {
    addWithDependencies(underscored(dependency), modules, order, [...above, name]);
  }
  order.set(name, bytes);
}

/** The texts `key=value` of a module's .modinfo section; of several with one key the first. */
export function moduleInfo(bytes: Buffer): Map<string, string> {
  const texts = elfSection(bytes, '.modinfo')?.toString('utf8').split('\0') ?? [];
  const pairs = texts.map(
    text => [text.replace(/=.*/s, ''), text.replace(/^[^=]*=?/s, '')] as const,
  );
  return new Map(pairs.reverse());
}

class ModuleFolder {
  readonly #files = new Map<string, string>();
  readonly #builtIn: ReadonlySet<string>;
  /** Whether it says what is built in; else a module that is not there may be. */
  readonly lists: boolean;

  constructor(folder: string) {
    const list = join(folder, 'modules.builtin');
    this.lists = existsSync(list);
    const lines = this.lists ? readFileSync(list, 'utf8').split('\n') : [];
    this.#builtIn = new Set(lines.map(moduleName));
    for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (/\.ko(\.(gz|xz|zst))?$/.test(path)) this.#files.set(moduleName(path), join(folder, path));
    }
  }

  /** Of those that are not built in. */
  get names(): readonly string[] {
    return [...this.#files.keys()].sort();
  }

  has(name: string): boolean {
    return this.#builtIn.has(name) || this.#files.has(name);
  }

  /** @throws StalesumError `bad-input` */
  read(name: string): Buffer | undefined {
    const path = this.#files.get(name);
    if (path === undefined) return undefined;
    try {
      const bytes = decompressed(path);
      moduleInfo(bytes);
      return bytes;
    } catch (thrown) {
      if (thrown instanceof StalesumError) throw thrown;
      throw new StalesumError('bad-input', `${path}: no module of x86-64: ${messageOf(thrown)}`);
    }
  }
}

/** Decompressed here, as older kernels leave it to kmod, which the guest has not. */
function decompressed(path: string): Buffer {
  const maxBuffer = 256 << 20;
  switch (path.slice(path.lastIndexOf('.'))) {
    case '.gz':
      return gunzipSync(readFileSync(path), { maxOutputLength: maxBuffer });
    case '.xz':
      return execFileSync(findCommand('xz'), ['-dc', '--', path], { maxBuffer });
    case '.zst':
      return execFileSync(findCommand('zstd'), ['-dcq', '--', path], { maxBuffer });
    default:
      return readFileSync(path);
  }
}

/** `kernel/net/netfilter/nf_nat.ko.xz` is nf_nat. */
function moduleName(path: string): string {
  return underscored(basename(path).replace(/\.ko(\.\w+)?$/, ''));
}

function underscored(name: string): string {
  return name.replaceAll('-', '_');
}
