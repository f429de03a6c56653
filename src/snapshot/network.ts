/** A node's addresses, routes and VXLAN devices, however they were read. */
import type { VxlanDevice } from './links.js';

export interface InterfaceAddress {
  readonly device: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly scope: string;
  readonly secondary: boolean;
}

export interface Route {
  /** `10.244.1.0/24`; a lone address; `default`. */
  readonly destination: string;
  readonly family: 'ip' | 'ip6';
  readonly device: string;
  readonly gateway: string | undefined;
  /** The address that packets without one get (`src`). */
  readonly source: string | undefined;
  /** `unicast`, `local`, `broadcast`, `blackhole` ... */
  readonly type: string;
  readonly metric: number;
  /** `main`, `local`, or another, which only a routing rule leads to. */
  readonly table: string;
}

/** Where a VXLAN device, or a neighbour's entry, sends frames. */
export interface Forwarding {
  /** Neighbour's address to its MAC. */
  readonly neighbours: ReadonlyMap<string, string>;
  /** MAC to the address of the VTEP behind it. */
  readonly vteps: ReadonlyMap<string, string>;
}

export interface Network extends Forwarding {
  readonly vxlan: readonly VxlanDevice[];
  readonly addresses: readonly InterfaceAddress[];
  readonly routes: readonly Route[];
}

export const EMPTY_NETWORK: Network = {
  vxlan: [],
  addresses: [],
  routes: [],
  neighbours: new Map(),
  vteps: new Map(),
};
