/**
 * What the lab looks like: four network namespaces, and who has which address in them.
 *
 *     node-a eth0 ── a [wire: bridge br0] b ── eth0 node-b cni0 ── eth0 web
 *       flannel.1 ......... VXLAN, vni 1, udp/8472 ......... flannel.1     (or Calico's)
 */
export type LabNodeName = 'node-a' | 'node-b' | 'web' | 'wire';

export const LAB_NODE_NAMES: readonly LabNodeName[] = ['node-a', 'node-b', 'web', 'wire'];

/** An address and a port of it. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export type Protocol = 'tcp' | 'udp';

/** One Kubernetes node as flannel sets it up. */
export interface NodeLayout {
  readonly name: 'node-a' | 'node-b';
  /** Its NIC `eth0`, and the wire's port at the other end. */
  readonly address: string;
  /** Some scenarios use these instead for the tunnel. */
  readonly secondaryAddress: string;
  readonly ipv6Address: string;
  readonly mac: string;
  readonly wirePort: string;
  /** Its VXLAN device. */
  readonly overlayAddress: string;
  readonly overlayMac: string;
  /** Its pods, behind the bridge `cni0`. */
  readonly podNetwork: string;
  readonly podGateway: string;
}

export const NODE_A: NodeLayout = {
  name: 'node-a',
  address: '192.168.50.1',
  secondaryAddress: '192.168.50.11',
  ipv6Address: 'fd00:50::1',
  mac: '02:aa:00:00:00:01',
  wirePort: 'a',
  overlayAddress: '10.244.0.0',
  overlayMac: '0a:aa:00:00:00:01',
  podNetwork: '10.244.0.0/24',
  podGateway: '10.244.0.1',
};

export const NODE_B: NodeLayout = {
  name: 'node-b',
  address: '192.168.50.2',
  secondaryAddress: '192.168.50.12',
  ipv6Address: 'fd00:50::2',
  mac: '02:bb:00:00:00:01',
  wirePort: 'b',
  overlayAddress: '10.244.1.0',
  overlayMac: '0a:bb:00:00:00:01',
  podNetwork: '10.244.1.0/24',
  podGateway: '10.244.1.1',
};

export const LAB_NODES: readonly NodeLayout[] = [NODE_A, NODE_B];

/** The pod, on node B: it echoes what comes over TCP, and answers DNS queries over UDP. */
export const WEB = {
  address: '10.244.1.2',
  ports: { tcp: 8080, udp: 53 },
  closedPort: 8081,
} as const;

/** Its service, `default/web`. */
export const WEB_SERVICE = { address: '10.96.0.10', ports: { tcp: 80, udp: 53 } } as const;

/** Where the nodes send what they have no route for. Nobody is there. */
export const ABSENT_GATEWAY = '192.168.50.254';

export const CLUSTER_CIDR = '10.244.0.0/16';

export const SERVICE_CIDR = { ipv4: '10.96.0.0/12', ipv6: 'fd00:96::/108' } as const;

/** A node's VXLAN device, as a CNI names and numbers it. */
export interface TunnelDevice {
  readonly device: string;
  readonly vni: number;
  /** UDP port that the datagrams go to. */
  readonly port: number;
}

/** flannel's, which most scenarios have. */
export const VXLAN = { device: 'flannel.1', vni: 1, port: 8472 } as const satisfies TunnelDevice;

export const CALICO_VXLAN = {
  device: 'vxlan.calico',
  vni: 4096,
  port: 4789,
} as const satisfies TunnelDevice;

/** By what is below the tunnel. */
export const OVERLAY_MTU = { ipv4: 1450, ipv6: 1430 } as const;
