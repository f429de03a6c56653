/** What to do about a verdict: commands, why they help, and where it is written. */
import type { VxlanDevice } from '../snapshot/links.js';
import type { Recommendation, VerdictName } from './verdict.js';

const KUBE_PROXY: Recommendation = {
  action: 'Update kube-proxy to 1.16.13, 1.17.9, 1.18.6, 1.19.0 or later',
  command: null,
  why:
    'it clears the masquerade mark before it masquerades, so the outer datagram is not masqueraded again; ' +
    'check afterwards that no CNI rule masquerades in front of KUBE-POSTROUTING',
  source: 'https://github.com/kubernetes/kubernetes/pull/92035',
};

/** Recommendations for a verdict, the lasting cure first. */
export function recommend(
  verdict: VerdictName,
  device: VxlanDevice | undefined,
  because: string,
): Recommendation[] {
  const name = device?.name ?? 'DEVICE';
  switch (verdict) {
    case 'stale-checksum':
      return [KUBE_PROXY, txOffloadOff(name)];
    case 'mangled-checksum':
      return [
        KUBE_PROXY,
        txOffloadOff(name),
        {
          action: 'Update the kernel to 5.7, 5.6.13, 5.4.41, 4.19.123, 4.14.181 or later',
          command: 'uname -r',
          why: 'a zero checksum is left zero then; a device with udpcsum keeps the other half of the bug',
          source: 'https://git.kernel.org/linus/ea64d8d6c675',
        },
      ];
    case 'double-snat-harmless':
      return [
        {
          ...KUBE_PROXY,
          why:
            'the outer port is still rewritten; nothing is lost only because the checksum is zero or made ' +
            'in software: offload or udpcsum on the VXLAN device would bring the loss back',
        },
      ];
    case 'inconclusive':
      return [
        {
          action: 'Capture what is missing and compare again',
          command:
            'tcpdump -i NIC -s 0 -w underlay.pcap udp port 8472 or udp port 4789; ' +
            'conntrack -E -o timestamp -p udp > conntrack-events.txt',
          why: because,
          source: 'docs/reading-a-verdict.md',
        },
      ];
    default:
      return [];
  }
}

function txOffloadOff(device: string): Recommendation {
  return {
    action: 'Until then, make inner checksums in software on the VXLAN device',
    command: `ethtool -K ${device} tx-checksum-ip-generic off`,
    why: 'no checksum is pending when the outer datagram is rewritten, so the kernel updates it correctly',
    source: 'https://github.com/flannel-io/flannel/issues/1279',
  };
}
