/** What a node says of its kube-proxy: version, mode, flags. */

export type KubeProxyMode = 'iptables' | 'ipvs' | 'nftables' | 'userspace';

export interface KubeProxy {
  /** `v1.28.4`; with what a vendor adds, `v1.28.4+k3s1`. */
  readonly version: string | undefined;
  readonly mode: KubeProxyMode | undefined;
  /** 14 unless it says otherwise. */
  readonly masqueradeBit: number | undefined;
  readonly masqueradeAll: boolean | undefined;
  readonly clusterCidr: string | undefined;
  /** Whether a process of that name was seen, or only its traces. */
  readonly running: boolean;
}

/** The files that it is read from; a node's folder has them under these names. */
export const KUBE_PROXY_FILES = {
  process: 'kube-proxy-cmdline.txt',
  config: 'kube-proxy-config.txt',
  version: 'kube-proxy-version.txt',
  metrics: 'kube-proxy-metrics.txt',
  mode: 'kube-proxy-mode.txt',
  container: 'kube-proxy-container.json',
} as const;

const MODES: ReadonlySet<string> = new Set(['iptables', 'ipvs', 'nftables', 'userspace']);

/**
 * From the texts of those files, and from the output of `ps`. Flags are overruled by the file that
 * `--config` names, and both by what the running process answers. `undefined` if they say nothing.
 */
export function parseKubeProxy(texts: readonly string[]): KubeProxy | undefined {
  const commandLines = texts.flatMap(commandLine);
  const all = texts.join('\n');
  const config = (key: RegExp) => firstGroup(texts.filter(isConfig), key);
  const flag = (name: string) => firstGroup(commandLines, new RegExp(`--${name}(?:[= ](\\S+))?`));
  const asked = texts.map(text => text.trim()).find(text => MODES.has(text));
  const mode = asked ?? config(/^[ \t]*mode:[ \t]*["']?(\w+)/m) ?? flag('proxy-mode');
  const bit = config(/^[ \t]*masqueradeBit:[ \t]*(\d+)/m) ?? flag('iptables-masquerade-bit');
  const masqueradeAll = config(/^[ \t]*masqueradeAll:[ \t]*(\w+)/m) ?? flag('masquerade-all');
  const found: KubeProxy = {
    version: versionIn(all),
    mode: MODES.has(mode ?? '') ? (mode as KubeProxyMode) : undefined,
    masqueradeBit: bit === undefined ? undefined : Number(bit),
    masqueradeAll: masqueradeAll === undefined ? undefined : masqueradeAll !== 'false',
    clusterCidr: config(/^[ \t]*clusterCIDR:[ \t]*["']?([\da-f.:/,]+)/m) ?? flag('cluster-cidr'),
    running: commandLines.length > 0 || asked !== undefined,
  };
  const says = found.running || found.version !== undefined || texts.some(isConfig);
  return says ? found : undefined;
}

/** Lines of a command that is kube-proxy, its words apart by spaces. */
function commandLine(text: string): string[] {
  return text.split('\n').flatMap(line => {
    const words = line.replaceAll('\0', ' ').trim();
    // hyperkube is one program with a name for each part.
    const isIt = /(^|[\s/])(?:hyperkube\s+)?kube-?proxy(\s+--|$)/.test(words);
    return isIt && !/^(Kubernetes |\{)/.test(words)
      ? [words.slice(words.search(/kube-?proxy/))]
      : [];
  });
}

function isConfig(text: string): boolean {
  return /^kind:[ \t]*["']?KubeProxyConfiguration/m.test(text);
}

/** Its metrics, the tag of its image, or else what the node's own `kube-proxy --version` says. */
function versionIn(text: string): string | undefined {
  const said = /^Kubernetes (v\d+\.\d+\.\d+\S*)/m.exec(text);
  const metric = /^kubernetes_build_info\{[^}\n]*git_version="(v\d+\.\d+\.\d+[^"\n]*)"/m.exec(text);
  const image = /kube-proxy(?:-\w+)?:(v\d+\.\d+\.\d+[\w.+-]*)/.exec(text);
  return (metric ?? image ?? said)?.[1];
}

function firstGroup(texts: readonly string[], pattern: RegExp): string | undefined {
  for (const text of texts) {
    const match = pattern.exec(text);
    if (match) return match[1] ?? 'true';
  }
  return undefined;
}
