/** One case in the kernel: a fresh namespace, the rules, one datagram, and what became of it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { dist } from './dist.mjs';

export const SERVICE = { address: '10.96.0.10', port: 80 };
const PEER = '192.168.50.2';

/** A NIC on a veth pair whose other end answers nothing, and flannel's VXLAN device over it. */
const TOPOLOGY = `
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
link add flannel.1 address 0a:aa:00:00:00:01 mtu 1450 type vxlan id 1 dev eth0 local 192.168.50.1 dstport 8472 nolearning udpcsum
addr add 10.244.0.0/32 dev flannel.1
link set flannel.1 up
route add 10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink
neigh add 10.244.1.0 lladdr 0a:bb:00:00:00:01 dev flannel.1 nud permanent
IP
bridge fdb add 0a:bb:00:00:00:01 dst ${PEER} dev flannel.1 self permanent
`;

const LOADERS = {
  'iptables-nft-save.txt': 'iptables-nft-restore',
  'iptables-legacy-save.txt': 'iptables-legacy-restore -w 20',
  'nft-list-ruleset.txt': 'nft -f -',
  'nft-j-list-ruleset.json': 'nft -f -',
};

const READERS = {
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

export async function measure({ files, order }) {
  const load = order.map(name => {
    const { text } = files.find(file => file.name === name);
    return `${LOADERS[name]} <<'RULES'\n${text}RULES`;
  });
  const wanted = Object.keys(READERS).filter(
    name => !/save|nft/.test(name) || order.includes(name),
  );
  const script = [
    TOPOLOGY,
    ...load,
    'set +e',
    `echo x > /dev/udp/${SERVICE.address}/${SERVICE.port}`,
    ...wanted.map(name => `echo "@@@@ ${name}"; ${READERS[name]} 2>/dev/null`),
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
  return parseOutput(output);
}

async function parseOutput(output) {
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
    facts: factsOf(parseConntrackList(conntrack)),
  };
}

/** What a reply would have to look like tells what was translated. */
function factsOf(entries) {
  const inner = entries.find(
    ({ original }) =>
      original.destination === SERVICE.address && original.destinationPort === SERVICE.port,
  );
  const outer = entries.find(
    ({ original }) => original.destination === PEER && original.destinationPort === 8472,
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
