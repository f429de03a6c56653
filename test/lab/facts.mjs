// Run on node A of a lab: looks at every namespace, makes one connection to the service, and prints
// what it saw as JSON. Plain commands and no code of ours, so that it can contradict it.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';

const NAMESPACES = ['node-a', 'node-b', 'web', 'wire'];

const inside = (name, command, ...args) =>
  execFileSync('nsenter', [`--net=/run/netns/${name}`, command, ...args], { encoding: 'utf8' });
const json = (name, ...args) => JSON.parse(execFileSync('ip', ['-n', name, '-d', '-j', ...args]));
const each = fill => Object.fromEntries(NAMESPACES.map(name => [name, fill(name)]));

const links = each(name => json(name, 'link'));
const facts = {
  pid: process.pid,
  uid: process.getuid(),
  descriptors: execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }),
  namespaces: execFileSync('ip', ['netns'], { encoding: 'utf8' }).match(/^\S+/gm).sort(),
  links,
  addresses: each(name =>
    json(name, 'addr').flatMap(({ ifname, addr_info }) =>
      addr_info.map(({ local, prefixlen }) => `${ifname} ${local}/${prefixlen}`),
    ),
  ),
  routes: each(name => inside(name, 'ip', 'route').trim().split(/\s*\n/)),
  neighbours: each(name => inside(name, 'ip', 'neigh').trim().split(/\s*\n/)),
  forwarding: inside('node-a', 'bridge', 'fdb', 'show', 'dev', 'flannel.1').trim(),
  txChecksumming: each(name =>
    Object.fromEntries(
      links[name].map(({ ifname }) => [
        ifname,
        /^tx-checksumming: (\w+)/m.exec(inside(name, 'ethtool', '-k', ifname))[1],
      ]),
    ),
  ),
  bridgeCallsIptables: sysctl('wire', 'net/bridge/bridge-nf-call-iptables'),
  forwards: { 'node-a': sysctl('node-a', 'net/ipv4/ip_forward') },
  natBefore: inside('node-a', 'iptables-save', '-c', '-t', 'nat'),
  natOnNodeB: inside('node-b', 'iptables-save', '-t', 'nat'),
  filter: inside('node-a', 'iptables-save', '-t', 'filter'),
};

const noise = await capture('not arp and not udp port 8472');
const tunnel = await capture('udp port 8472 and src 192.168.50.1');
const events = spawn('conntrack', ['-E', '-p', 'udp', '--dport', '8472', '-o', 'id']);
events.output = '';
events.stdout.on('data', bytes => {
  events.output += bytes;
});
const udpBefore = counters('node-b', 'Udp');
const tcpBefore = counters('node-a', 'Tcp');
facts.echoed = await echo('10.96.0.10', 80);
const udpAfter = counters('node-b', 'Udp');
const tcpAfter = counters('node-a', 'Tcp');
const grown = (before, after, name) => after[name] - before[name];
console.log(
  JSON.stringify({
    ...facts,
    natAfter: inside('node-a', 'iptables-save', '-c', '-t', 'nat'),
    checksumErrors: grown(udpBefore, udpAfter, 'InCsumErrors'),
    retransmits: grown(tcpBefore, tcpAfter, 'RetransSegs'),
    noise: await noise(),
    tunnel: await tunnel(),
    conntrack: await stop(events),
  }),
);

function sysctl(name, path) {
  try {
    return inside(name, 'cat', `/proc/sys/${path}`).trim();
  } catch {
    return undefined;
  }
}

function counters(name, protocol) {
  const [names, values] = inside(name, 'cat', '/proc/net/snmp')
    .split('\n')
    .filter(line => line.startsWith(`${protocol}: `))
    .map(line => line.split(' ').slice(1));
  return Object.fromEntries(names.map((key, index) => [key, Number(values[index])]));
}

async function echo(address, port) {
  const socket = connect(port, address);
  await once(socket, 'connect');
  socket.end('hello');
  const chunks = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** tcpdump on node B's NIC; gives its lines when asked. */
async function capture(filter) {
  const args = ['-i', 'eth0', '-nn', '-vv', '-l', '--immediate-mode', filter];
  const child = spawn('nsenter', ['--net=/run/netns/node-b', 'tcpdump', ...args]);
  child.output = '';
  child.stdout.on('data', bytes => {
    child.output += bytes;
  });
  // The pipe stays open: tcpdump writes its line in pieces, and would die of a closed one.
  let said = '';
  await new Promise(resolve => {
    child.stderr.on('data', bytes => {
      said += bytes;
      if (/listening on .*\n/.test(said)) resolve();
    });
  });
  return () => stop(child);
}

async function stop(child) {
  child.kill('SIGINT');
  await once(child, 'close');
  return child.output;
}
