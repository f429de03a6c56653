/** One case in the kernel: a fresh namespace, the rules, one datagram, and what became of it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { dist } from './dist.mjs';

export const SERVICE = { address: '10.96.0.10', port: 80 };
const PEER = '192.168.50.2';

/** The fuzzer's node is flannel's. */
export const FLANNEL = { device: 'flannel.1', tunnelPort: 8472, target: SERVICE };

/**
 * A NIC on a veth pair whose other end answers nothing, a VXLAN device over it, and a bridge to pods of
 * this node.
 */
const topology = ({ device, tunnelPort }) => `
set -e
ip -batch - <<'IP'
link set lo up
link add eth0 type veth peer name away
addr add 192.168.50.1/24 dev eth0
addr add 192.168.50.77/24 dev eth0
link set eth0 up
link set away up
route add default via 192.168.50.254 dev eth0
neigh add 192.168.50.254 lladdr 02:00:00:00:00:fe dev eth0 nud permanent
neigh add ${PEER} lladdr 02:00:00:00:00:02 dev eth0 nud permanent
link add cni0 type bridge
addr add 10.244.0.1/24 dev cni0
link set cni0 up
link add ${device} address 0a:aa:00:00:00:01 mtu 1450 type vxlan id 1 dev eth0 local 192.168.50.1 dstport ${tunnelPort} nolearning udpcsum
addr add 10.244.0.0/32 dev ${device}
link set ${device} up
route add 10.244.1.0/24 via 10.244.1.0 dev ${device} onlink
neigh add 10.244.1.0 lladdr 0a:bb:00:00:00:01 dev ${device} nud permanent
IP
bridge fdb add 0a:bb:00:00:00:01 dst ${PEER} dev ${device} self permanent
`;

const LOADERS = {
  'ipset-save.txt': 'ipset restore',
  'iptables-nft-save.txt': 'iptables-nft-restore',
  'iptables-legacy-save.txt': 'iptables-legacy-restore -w 20',
  'nft-list-ruleset.txt': 'nft -f -',
  'nft-j-list-ruleset.json': 'nft -f -',
};

const READERS = {
  'ipset-save.txt': 'ipset save',
  'iptables-nft-save.txt': 'iptables-nft-save -c',
  'iptables-legacy-save.txt': 'iptables-legacy-save',
  'nft-list-ruleset.txt': 'nft -a list ruleset',
  'nft-j-list-ruleset.json': 'nft -j list ruleset',
  'ip-link.json': 'ip -d -j link',
  'ip-address.json': 'ip -j address',
  'ip-route.json': 'ip -j route show table all',
  'ip-neigh.json': 'ip -j neigh',
  'fdb.json': 'bridge -j fdb',
  conntrack: 'conntrack -L',
};

const TABLES = ['raw', 'mangle', 'nat', 'filter'];

/** As sos reports keep them; of the back end that has rules, if only one has. */
function listings(order) {
  const tools = order.flatMap(name => /^(iptables-(?:nft|legacy))-save/.exec(name)?.[1] ?? []);
  if (tools.length !== 1) return {};
  return Object.fromEntries(
    TABLES.map(table => [`iptables_-t_${table}_-nvL`, `${tools[0]} -t ${table} -nvL`]),
  );
}

export async function measure({ files, order }, setting = FLANNEL) {
  const { address, port } = setting.target;
  const load = order.map(name => {
    const { text } = files.find(file => file.name === name);
    return `${LOADERS[name]} <<'RULES'\n${text}RULES`;
  });
  const wanted = Object.entries(READERS).filter(
    ([name]) => !/save|nft/.test(name) || order.includes(name),
  );
  const script = [
    topology(setting),
    ...load,
    'set +e',
    `echo x > /dev/udp/${address}/${port}`,
    ...[...wanted, ...Object.entries(listings(order))].map(
      ([name, command]) => `echo "@@@@ ${name}"; ${command} 2>/dev/null`,
    ),
  ].join('\n');
  let output;
  try {
    const run = promisify(execFile)('unshare', ['--net', 'bash', '-c', script], {
      maxBuffer: 16 << 20,
      timeout: 30_000,
    });
    output = (await run).stdout;
  } catch (fault) {
    return { refused: String(fault.stderr || fault.message).slice(0, 400) };
  }
  return parseOutput(output, setting);
}

async function parseOutput(output, setting) {
  const [, ...sections] = output.split(/^@@@@ /m);
  const files = sections.map(section => {
    const end = section.indexOf('\n');
    return { name: section.slice(0, end), text: section.slice(end + 1) };
  });
  const conntrack = files.find(({ name }) => name === 'conntrack').text;
  const { parseConntrackList } = await dist('snapshot/conntrack.js');
  return {
    files: files.filter(({ name }) => name !== 'conntrack'),
    conntrack,
    facts: factsOf(parseConntrackList(conntrack), setting),
  };
}

/** What a reply would have to look like tells what was translated. */
function factsOf(entries, { target, tunnelPort }) {
  const inner = entries.find(
    ({ original }) =>
      original.destination === target.address && original.destinationPort === target.port,
  );
  const outer = entries.find(
    ({ original }) => original.destination === PEER && original.destinationPort === tunnelPort,
  );
  return {
    inner: inner && {
      source: inner.reply.destination,
      destination: `${inner.reply.source}:${inner.reply.sourcePort}`,
      rewritten: inner.reply.destinationPort !== inner.original.sourcePort,
    },
    outer: outer && {
      source: outer.reply.destination,
      rewritten: outer.reply.destinationPort !== outer.original.sourcePort,
    },
  };
}
