/** What a scenario of the lab is: how the nodes and the wire are set up, and what must come out of it. */
import type { VerdictName } from '../analysis/verdict.js';
import type { Cni } from './cni.js';
import type { KubeProxyOptions } from './kube-proxy.js';
import type { LabNodeName, Protocol, TunnelDevice } from './layout.js';

export interface Expectation {
  readonly verdict: VerdictName;
  /** Where the verdict accuses: how sure it must be. */
  readonly grade?: 'proved' | 'supported';
  /** Whether the first datagram arrives with the outer source port that the VXLAN device gave it. */
  readonly keepsOuterPort: boolean;
}

/** A command that changes the built lab. */
export interface LabChange {
  readonly node: LabNodeName;
  readonly command: string;
  readonly args: readonly string[];
  /** For its standard input. */
  readonly input?: string;
  /** `after-control`: a fault that the control connection must not have. Default: `built`. */
  readonly when?: ChangeStage;
}

export type ChangeStage = 'built' | 'after-control';

/** `net.ipv4.tcp_syn_linear_timeouts` = `0`, in one namespace. */
export interface LabSysctl {
  readonly node: LabNodeName;
  readonly key: string;
  readonly value: string;
}

export interface VxlanOptions {
  readonly tunnel: TunnelDevice;
  /** Whether the outer UDP checksum is in use. Kernels differ in the default, so it is said. */
  readonly outerChecksum: 'udpcsum' | 'noudpcsum';
  /** The outer source ports, first to last (exclusive); else the kernel's range. */
  readonly sourcePorts?: readonly [number, number];
  /** Which of node A's addresses its device sends from; MASQUERADE picks the primary one. */
  readonly local: 'primary' | 'secondary';
  /** What carries the tunnel. The pods speak IPv4 in either case. */
  readonly underlay: 'ipv4' | 'ipv6';
}

export interface Scenario {
  readonly name: string;
  /** One line, for lists and headings. */
  readonly title: string;
  /** What must come out, on a kernel that leaves a zero checksum alone: see expectation.ts. */
  readonly expect: Expectation;
  /** What must come out over UDP, where that differs from TCP. */
  readonly expectOverUdp?: Expectation;
  /** What must come out on a kernel before ea64d8d6c675, where that differs. */
  readonly expectBeforeZeroFix?: Expectation;
  /** A rule of the lab does what another kernel would do; every output must say so. */
  readonly emulated: boolean;

  /** What it shows by itself; `onlyProtocol` where the other one would show nothing. */
  readonly protocol: Protocol;
  readonly onlyProtocol?: true;
  /** Its point is made by IPv4's headers or addresses below the tunnel: see over-ipv6.ts. */
  readonly onlyIpv4?: true;
  /** What is connected to: the service, or the pod's own address. */
  readonly target: 'service' | 'pod';
  /** Connections at once, each a flow of its own. Fewer would not show what is to be shown. */
  readonly attempts: number;
  /** So many bytes are to be echoed; 0: connecting is enough. */
  readonly bytes: number;
  /** Where the connection never stands: it has shown by then what there is to show. */
  readonly timeoutSeconds?: number;

  readonly vxlan: VxlanOptions;
  readonly kubeProxy: KubeProxyOptions;
  /** What a CNI does to nat POSTROUTING, where it matters. */
  readonly cni?: Cni;
  /** Whether somebody listens where the service leads to. The pod's own port always answers. */
  readonly serviceAnswers: boolean;
  /** Transmit checksum offload of the wire's ports. `off` finishes checksums there, as a NIC would. */
  readonly wireOffload: 'on' | 'off';
  readonly sysctls: readonly LabSysctl[];
  readonly changes: readonly LabChange[];
}
