/**
 * The words that snapshots are made of whoever's they are: those of the tools' formats, of Kubernetes and
 * of its network plugins. A word that is not among them may be a name, and is replaced. So a word is put
 * here only if a format needs it; one too few makes a copy harder to read, one too many gives a name away.
 */

const words = (text: string): string[] => text.trim().split(/\s+/);

/** iptables-save and ip6tables-save: tables, chains, targets, matches, and what stands behind options. */
const IPTABLES = words(`
  accept accepted addrtype all arp blackhole broadcast chain classify clear comment commit completed connbytes
  connlimit connmark conntrack counter ct ctstate default destination dnat dport drop dst dstnat dup ecn eq
  established expired fin forward forwarding fwmark generated goto hashlimit icmp icmpv6 icmp6 igmp
  in input invalid ip ip6 ip6tables iptables ipv4 ipv6 iprange ipvs jump legacy length limit local log mac
  mangle mark masquerade master mh multicast multiport nat netmap new nf nfacct nflog nfqueue nft none nop
  notrack nth on or output owner physdev pkttype policy postrouting prerouting prohibit prot proto protocol
  psd quota random raw recent redirect reject related return rpfilter rst rt sctp sec second security set
  snat socket sport src srcnat state statistic string syn tables tcp tcpmss tee throw time tos tproxy trace
  ttl udp udplite unicast unreachable unreplied untracked u32 xmark xor xt psh ack urg esp ah
  min minute hour day host net port proto admin prohibited packets bytes pkts table type options
`);

/** nftables, as text and as JSON. */
const NFT = words(`
  add addr accept and arp auto between bool bridge burst bytes chain char chains cmd comment concat constant
  continue counter create ct daddr dccp delete delay dev device devices dir direction drop dscp dup dynamic elem element
  elements ether exists expectation expires expr ext false family fib field filter flag flags flow flowtable
  flush frag from fully fwd gc goto ge gt handle hash helper high hook hoplimit host ibriport id iif iifgroup iifname iiftype
  inet ingress index integer interval in invalid jhash json jump key l3proto l4proto last lasterr le left length
  level limit list lookup lt mac map maps mark masquerade mask match max meter meta metainfo mod name ne neq
  netdev nexthdr nft nftables nfproto nftrace ntp null numgen obrname oif oifgroup oifname oiftype offset offload
  op original osf over packet packets payload per persistent pkttype policy position prefix prio priority proto
  queue quota random range rate redirect reject release reply reset return right route rt rule rules ruleset
  saddr schema set sets seq shift size skgid skuid snat snaplen socket sport dport statement status stmt
  symhash symbol synproxy table tables target tcp template th then timeout tproxy transparent true type udp
  unicast unit until update used val value values vlan verdict version vmap xfrm xor xt zone
  ifname ifindex inet_proto inet_service ipv4_addr ipv6_addr ether_addr mark dstnat srcnat nodad cgroupv2
  second minute hour day week sequent inc expected seen assured confirmed dying snat dnat bcast
  progname kbytes mbytes limit net proc stray pipapo save
`);

/** ip and bridge: link, address, route, neighbour, fdb, rule. */
const IP = words(`
  addr address addrgenmode ageing all allmulti anycast arptables asymmetric auto backup bc bcast bd bond boot bridge
  brd broadcast cache call cfi change changed cnt cost csum6 csum d delay delayed designated detected dev df dormant down dst
  age path response pending segs tnl dstport dsfield dynamic elasticity encap ether eui64 expires ext extern external failed fast fastleave filtering
  flags flood fo forever forward forwarding fwd gbp gc global gpe group groups gre gretap gro gso guard hairpin hash hello hi high
  hold host hoplimit id ifaddr ifindex ifname igmp info inet inet6 incomplete interval intvl ip6ip6 ip6tables iptables
  ipip ipvlan isolated kernel kind l2miss l3miss label last lb learn learning leave leaving left lft limit link linkdown
  linkinfo linklocal linkmode listening lladdr load local locked loopback low lower lowerlayerdown master manage
  managed max maxmtu mcast medium member membership message metric min minmtu mld mngtmpaddr mode mtu multi
  multicast name neigh netns netnsid nexthop nexthops next nf noarp nodad noexpire nolearning none noop noprefixroute noqueue nopad
  noudp6zerocsumrx noudp6zerocsumtx noudpcsum notify num numrxqueues numtxqueues off offload on onlink
  open operstate other out pad peer permanent pervasive point pref preferred prefix prefixlen prefsrc prio probe
  proto protocol promiscuity proxy qdisc qlen querier query queues ra range rate reachable realm recv redirect
  release remcsumtx remcsumrx rem retrans root roof router routes rsc rto rtt running scope secondary self sent shown site slave
  snooping src srcport stable stale startup state static stats sticky stp str suppress system table tcn temporary
  tentative throw timer topology tos total trailer translation tsigstamp tso ttl tun tunnel txqlen txqueuelen type udp6zerocsumrx
  udp6zerocsumtx udpcsum udp unallocated undefined unknown unicast up use user val valid veth via vlan vni vrf
  vxlan wait wifi will with xdp pfifo fq codel mq htb sfq ingress clsact prio fifo noprio
  lookup iif oif uidrange from to goto nop fwmark iproute main
`);

/** conntrack: protocols, states, flags. */
const CONNTRACK = words(`
  assured bytes close closing conntrack csum cwnd destroy dport dst dccp entries established events event expect fin flow
  fixed have been icmp icmpv6 id igmp ipv4 ipv6 tools last ack listen mark new none offload hw packets reply
  secctx sctp sent shown sport src start stop syn recv sent2 time wait tcp timeout type code udp udplite unknown
  unreplied untracked update use zone gre delta heartbeat shutdown recd cookie echoed userspace portid nodename helper delta
`);

/** sysctl names, ethtool's headings, versions, and what recordings say of themselves. */
const SYSTEM = words(`
  accept access addr all arp bridge busy call checksum conntrack conf congestion core count default enabled ephemeral
  features file for forwarding hash init inet ip ip6tables ip4 ipv4 ipv6 iptables keepalive kernel lenient liberal linear linux local loose max mem netdev
  log min net netfilter nf no port proc queue range rehash reserved retries rmem rp rps rx settings somaxconn
  stream syn sys tcp timeout timeouts tables tw txrehash tx udp valid vs wmem filter icmp generic close established recv
  acct checksumming offload offloads segmentation scatter gather receive large scattering
  build smp preempt dynamic rt voluntary lazy x86 amd64 i686 aarch64 arm64 armv7l ppc64le s390x riscv64 debian ubuntu
  fedora centos rhel alpine el fc deb amzn azure aws gcp gke cos flatcar talos rocky oracle uek lts cloud generic lowlatency
  kernel version versions v legacy read not reading refused missing found command such failed
  config save tcpmaxconn mon tue wed thu fri sat sun jan feb mar apr may jun jul aug sep oct nov dec utc gmt
  before after local remote connect connection result ok error timed out refused reset seconds start end realtime tcpi total retrans
  retransmits in s match client exit so interface frames verdict
  overlay underlay tap run node nodes a b snapshot capture captures pcap pcapng
`);

/** Words that Kubernetes, kube-proxy and the usual network plugins put into rules. */
const KUBERNETES = words(`
  kube kubernetes kubelet proxy coredns k8s cni svc sep xlb ext fw svl canary services service nodeports nodeport
  masq masqall hairpin mark postrouting postrtg external externally visible portals portal forwarding rules rule pod pods source
  destination destinations dropping marked packets firewall block incoming localnet connections balancer balancing load loadbalancer
  cluster clusterip clusterips ip ips external externalip hint sharing affinity endpoint endpoints no has have noendpoints
  note this must be the last in that it is to for traffic requiring allow allows are by used track
  session vip route lb local policy destined preserve preserving trying accesses access
  flannel flanneld fwd post calico cali cilium weave felix antrea ovn nodelocaldns dns node nodelocal vxlan geneve ipip wireguard
  firewalld docker bridge user isolation stage ingress egress dispatch failsafe accept drop return
  loadbalancersourceranges hairpins rpf rp nfacct ct conntrack pre namespace netns service cluster from but not
  do affinity reserved host ports hostport hostports portmap setmark masquerade masquerading subject subjected dual
  stack random fully mapping maps map and all any of or on off nodes loop healthcheck health check internal
  fip outgoing active old outside recently accepted topology without local loopback invalid unset first clients client server other sent via their an its
`);

/** Devices are named so everywhere; numbers may follow. */
export const DEVICE_NAMES: ReadonlySet<string> = new Set(
  words(`
  any bond br cbr cilium cni dev docker dummy eth flannel fwln fwpr gre gretap ib if ifb ip6tnl ipvl kube lo lxcbr macvlan macvtap
  nflog sit tap team tun tunl veth virbr vlan vmnet vxlan wg wlan wwan xfrm ipvs bridge
`),
);

/** What our own files say beside names: run.json, a capture's description, a scenario. */
const OURS = words(`
  txt json gz cap pcap pcapng log nstat ethtool sysctl uname stalesum run scenario title emulated purpose control target connections connected connectseconds captures complete
  interrupted interruption finished status started ended etimedout econnrefused ehostunreach enetunreach econnreset eacces eperm eaddrnotavail emsgsize
  einval timeout answered unanswered closed sigint sigterm sighup sigkill exit code began begin did ended killed whole not
  unpatched zero checksum patched kube random vxlan tx offload nic notrack cni masquerade first return stale rules
  nftables after before ipv6 underlay pod ip direct udp dns veth lost syn listener mtu blackhole inner corruption
  address rewritten way secondary invalid dropped pre expected double snat harmless mangled corruption inconclusive
  fault tunnel traffic proved supported node ring tcpdump and or not host greater less
  notes kind device loss hidden maybe off far lacks tool rules conntrack ethtool ss other endpoints there all attempts phase reason tunnelport
`);

export const VOCABULARY: ReadonlySet<string> = new Set([
  ...IPTABLES,
  ...NFT,
  ...IP,
  ...CONNTRACK,
  ...SYSTEM,
  ...KUBERNETES,
  ...OURS,
]);

/** Parts of names that every cluster has: they tell no cluster from another. */
export const COMMON_NAMES: ReadonlySet<string> = new Set(
  words('default kube system public kubernetes dns coredns node lease http https tcp udp metrics'),
);
