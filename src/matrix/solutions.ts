/**
 * What people do about the bug, each with the scenarios that measure it: the seed article's three
 * solutions first (kube-proxy's patch, the kernel's patch, checksum offload off), then what CNIs do.
 */
import type { MatrixDetail, MatrixDocument, MatrixRow } from './document.js';

export interface Solution {
  readonly name: string;
  /** What to run or to set. */
  readonly command: string;
  readonly scenario: string;
}

const SOLUTIONS: readonly Solution[] = [
  {
    name: 'nothing: the rules of before PR 92035, VXLAN device with udpcsum',
    command: 'ip -d link show flannel.1',
    scenario: 'unpatched',
  },
  {
    name: "Kubernetes' patch: kube-proxy takes its mark off (PR 92035)",
    command: 'kube-proxy 1.16.13, 1.17.9, 1.18.6, 1.19.0 or later, on every node',
    scenario: 'kube-proxy-patched',
  },
  {
    name: 'the same in nftables mode',
    command: 'kube-proxy --proxy-mode=nftables',
    scenario: 'nftables-patched',
  },
  {
    name: "the kernel's patch (ea64d8d6c675), VXLAN device with noudpcsum",
    command:
      'Linux 5.7, 5.6.13, 5.4.41, 4.19.123, 4.14.181 or later, and ip link add ... type vxlan ... noudpcsum',
    scenario: 'unpatched-zero-checksum',
  },
  {
    name: 'checksum offload off on the NIC, rx and tx, on both nodes',
    command: 'ethtool --offload eth0 rx off tx off',
    scenario: 'nic-offload-off',
  },
  {
    name: 'checksum offload off on the VXLAN device',
    command: 'ethtool -K flannel.1 tx-checksum-ip-generic off',
    scenario: 'vxlan-tx-offload-off',
  },
  {
    name: 'masquerade without --random-fully',
    command: 'an iptables before 1.6.2 in the image of kube-proxy',
    scenario: 'no-random-fully',
  },
  {
    name: 'no connection tracking for the tunnel',
    command: 'iptables -t raw -A OUTPUT -p udp --dport 8472 -j NOTRACK (and PREROUTING)',
    scenario: 'notrack',
  },
  {
    name: 'patched kube-proxy, and flannel 0.20.1 started behind it',
    command: 'flannel issue 1679',
    scenario: 'cni-masquerade-first',
  },
  {
    name: 'patched kube-proxy, and flannel 0.20.2 started behind it',
    command: 'flannel 0.20.2 or later; leave kube-proxy its masquerade bit 14',
    scenario: 'cni-return-first',
  },
  {
    name: 'kube-proxy in nftables mode, and flannel 0.20.1 started behind it',
    command: 'flannel 0.20.2 or later',
    scenario: 'nftables-cni-after',
  },
  {
    name: 'patched kube-proxy, and Calico ahead of it',
    command: "Felix' default: chainInsertMode Insert",
    scenario: 'calico-masquerade-first',
  },
  {
    name: 'patched kube-proxy, and Calico behind it',
    command: 'chainInsertMode: Append, or calico PR 9091',
    scenario: 'calico-masquerade-behind',
  },
];

/** `open`: measured, and it shows neither. */
export type Answer = 'works' | 'fails' | 'open';

/** How one protocol over one underlay fares with a solution. */
export interface Fate {
  /** `TCP`, `DNS`; with ` over IPv6`. */
  readonly of: string;
  readonly answer: Answer;
  /** `port kept`, `rewritten, checksum right`, `stale, lost`. */
  readonly text: string;
  /** By walking the rules, without places in files. */
  readonly because: string;
}

export interface JudgedSolution extends Solution {
  readonly fates: readonly Fate[];
}

/** The solutions that this matrix has measured. */
export function judgeSolutions({ rows, details }: MatrixDocument): JudgedSolution[] {
  return SOLUTIONS.flatMap(solution => {
    const over6 = solution.scenario === 'unpatched' ? 'ipv6-underlay' : `${solution.scenario}-ipv6`;
    const fates = rows.flatMap((row, index) => {
      const detail = details[index];
      const isOver6 = row.scenario === over6;
      if (!detail || detail.fault !== null) return [];
      return row.scenario === solution.scenario || isOver6 ? [fateOf(row, detail, isOver6)] : [];
    });
    return fates.length === 0 ? [] : [{ ...solution, fates }];
  });
}

function fateOf(row: MatrixRow, detail: MatrixDetail, isOver6: boolean): Fate {
  const name = row.protocol === 'tcp' ? 'TCP' : 'DNS';
  return {
    of: isOver6 ? `${name} over IPv6` : name,
    answer: answerOf(row),
    text: textOf(row),
    because: withoutPlaces(detail.predictedBecause),
  };
}

function answerOf({ measured }: MatrixRow): Answer {
  switch (measured) {
    case 'stale-checksum':
    case 'mangled-checksum':
      return 'fails';
    case 'double-snat-harmless':
    case 'not-rewritten':
    case 'no-fault':
      return 'works';
    case 'other-corruption':
    case 'no-tunnel-traffic':
    case 'inconclusive':
      return 'open';
  }
}

function textOf({ measured, checksum, delivered, delaySeconds }: MatrixRow): string {
  switch (measured) {
    case 'stale-checksum':
    case 'mangled-checksum': {
      const cost =
        delaySeconds === null
          ? 'lost'
          : delivered
            ? 'not lost here'
            : `${delaySeconds.toFixed(1)} s`;
      return `${checksum ?? 'broken'}, ${cost}`;
    }
    case 'double-snat-harmless':
      return checksum === 'zero' ? 'rewritten, no checksum' : 'rewritten, checksum right';
    case 'not-rewritten':
      return 'port kept';
    default:
      return measured;
  }
}

/** `... (iptables-save.before.txt:60); decided by ...` says where; here it is the why that counts. */
function withoutPlaces(because: string): string {
  return because
    .split('; ')
    .filter(part => !part.startsWith('decided by '))
    .map(part => part.replace(/ \([^()]+\.(?:txt|json|nft)(?::\d+)?\)/g, ''))
    .join('; ');
}
