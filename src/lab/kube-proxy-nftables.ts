/**
 * Tables as kube-proxy writes them in nftables mode, for nft -f. The text is that of 1.36.2 (as `nft list
 * ruleset` shows it: test/rules/rulesets), for services of type ClusterIP with one endpoint.
 */
import {
  chainHash,
  type IpFamily,
  type KubeProxyOptions,
  masqueradeMark,
  type Service,
} from './kube-proxy.js';
import { NODE_A, SERVICE_CIDR } from './layout.js';

/** The table of one address family. */
export function kubeProxyTables(
  options: KubeProxyOptions,
  services: readonly Service[],
  clusterCidr: string,
  family: IpFamily,
): string {
  const ip = family === 'ipv4' ? 'ip' : 'ip6';
  const address = `${family}_addr`;
  const mark = masqueradeMark(options);
  const clusterIps = [...new Set(services.map(({ clusterIp }) => clusterIp.address))];
  const portals = services.map(
    service =>
      `${service.clusterIp.address} . ${service.protocol} . ${service.clusterIp.port}` +
      ` : goto ${serviceChain(service)}`,
  );
  const marking =
    `ip daddr @cluster-ips ip saddr != ${clusterCidr} meta mark set meta mark | ${mark}` +
    ' comment "masquerade clusterIP traffic from outside cluster"';
  const nodeAddress = family === 'ipv4' ? NODE_A.address : NODE_A.ipv6Address;
  return `
table ${ip} kube-proxy {
  comment "rules for kube-proxy"
  set hairpin-connections {
    type ${address} . ${address} . inet_proto . inet_service
    comment "service hairpin connections"
  }
  set cluster-ips {
    type ${address}
    comment "Active ClusterIPs"
    ${elements(clusterIps)}
  }
  set nodeport-ips {
    type ${address}
    comment "IPs that accept NodePort traffic"
    ${elements([nodeAddress])}
  }
  map no-endpoint-services {
    type ${address} . inet_proto . inet_service : verdict
    comment "vmap to drop or reject packets to services with no endpoints"
  }
  map no-endpoint-nodeports {
    type inet_proto . inet_service : verdict
    comment "vmap to drop or reject packets to service nodeports with no endpoints"
  }
  map firewall-ips {
    type ${address} . inet_proto . inet_service : verdict
    comment "destinations that are subject to LoadBalancerSourceRanges"
  }
  map service-ips {
    type ${address} . inet_proto . inet_service : verdict
    comment "ClusterIP, ExternalIP and LoadBalancer IP traffic"
    ${elements(portals)}
  }
  map service-nodeports {
    type inet_proto . inet_service : verdict
    comment "NodePort traffic"
  }
  chain filter-prerouting-pre-dnat {
    type filter hook prerouting priority -110; policy accept;
    ct state new jump firewall-check
  }
  chain filter-output-pre-dnat {
    type filter hook output priority -110; policy accept;
    ct state new jump firewall-check
  }
  chain filter-input {
    type filter hook input priority 0; policy accept;
    ct state new jump nodeport-endpoints-check
    ct state new jump service-endpoints-check
  }
  chain filter-forward {
    type filter hook forward priority 0; policy accept;
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain filter-output {
    type filter hook output priority 0; policy accept;
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain nat-prerouting {
    type nat hook prerouting priority -100; policy accept;
    jump services
  }
  chain nat-output {
    type nat hook output priority -100; policy accept;
    jump services
  }
  chain nat-postrouting {
    type nat hook postrouting priority 100; policy accept;
    jump masquerading
  }
  chain nodeport-endpoints-check {
    ${ip} daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
  }
  chain service-endpoints-check {
    ${ip} daddr . meta l4proto . th dport vmap @no-endpoint-services
  }
  chain firewall-check {
    ${ip} daddr . meta l4proto . th dport vmap @firewall-ips
  }
  chain services {
    ${family === 'ipv4' ? marking : ''}
    ${ip} daddr . meta l4proto . th dport vmap @service-ips
    ${ip} daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
  }
  chain masquerading {
    ${masquerading(options)}
    ct status dnat ${ip} saddr . ${ip} daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random
  }
  chain cluster-ips-check {
    ${ip} daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"
    ${ip} daddr ${SERVICE_CIDR[family]} drop comment "Drop traffic to unallocated ClusterIPs"
  }
  chain reject-chain {
    comment "helper for @no-endpoint-services / @no-endpoint-nodeports"
    reject
  }
${services.map(serviceRules).join('')}}
`;
}

/**
 * One rule does what PR 92035 brought to iptables: it takes the mark off and masquerades. No release of
 * nftables mode was without; `before-pr-92035` leaves out just that.
 */
function masquerading(options: KubeProxyOptions): string {
  const mark = masqueradeMark(options);
  const marked = `meta mark & ${mark} != 0x00000000`;
  const masquerade = options.randomFully ? 'masquerade fully-random' : 'masquerade';
  const keeping = `${marked} ${masquerade}`;
  const clearing = `${marked} meta mark set meta mark ^ ${mark} ${masquerade}`;
  switch (options.postrouting) {
    case 'before-pr-92035':
      return keeping;
    case 'after-pr-92035':
      return clearing;
    case 'stale-rule-in-front':
      return `${keeping}\n    ${clearing}`;
  }
}

/** `service-SUSTUHLJ-default/web/tcp/http`, as hashAndTruncate() of proxy/nftables makes it. */
export function serviceChain({ name, protocol }: Service): string {
  const [service = '', port = ''] = name.split(':');
  const base = `${service}/${protocol}/${port}`;
  return `service-${chainHash(base).slice(0, 8)}-${base}`;
}

function serviceRules(service: Service): string {
  const { protocol, endpoint } = service;
  return `  chain ${serviceChain(service)} {
    meta l4proto ${protocol} dnat ip to numgen random mod 1 map { 0 : ${endpoint.address} . ${endpoint.port} }
  }
`;
}

function elements(list: readonly string[]): string {
  return list.length === 0 ? '' : `elements = { ${list.join(', ')} }`;
}
