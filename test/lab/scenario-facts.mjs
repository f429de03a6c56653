// Run on node A of a lab: connects, and prints what plain tools saw of it, as JSON. No code of ours,
// so that it can contradict it.
//   node scenario-facts.mjs '{"protocol", "address", "port", "attempts", "bytes", "seconds", "tap",
//     "device", "tunnelPort"}'
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const plan = {
  ...{ protocol: 'tcp', address: '10.96.0.10', port: 80, attempts: 1, bytes: 0, seconds: 10 },
  ...{ tap: false, settle: 0.1, device: 'flannel.1', tunnelPort: 8472 },
  ...JSON.parse(process.argv[2] ?? '{}'),
};

const inside = (name, ...command) =>
  execFileSync('nsenter', [`--net=/run/netns/${name}`, ...command], { encoding: 'utf8' });

const TUNNEL = `udp port ${plan.tunnelPort}`;
const captures = await Promise.all([
  capture('node-a', 'eth0', TUNNEL),
  capture('node-b', 'eth0', TUNNEL),
  capture('node-b', plan.device, ''),
  capture('web', 'eth0', ''),
  capture('node-b', 'eth0', `not arp and not ${TUNNEL}`),
  ...(plan.tap ? [capture('node-a', 'nflog:5', '')] : []),
]);
const tunnelled = ['-p', 'udp', '--dport', String(plan.tunnelPort)];
const events = await follow('conntrack', ['-E', ...tunnelled, '-o', 'timestamp']);
const before = counters();
const connections = await Promise.all(
  Array.from({ length: plan.attempts }, (_, index) =>
    plan.protocol === 'tcp' ? tcp() : dns(index),
  ),
);
await sleep(plan.settle * 1000);
const after = counters();
const [sent, arrived, decapsulated, delivered, noise, tapped] = await Promise.all(
  captures.map(stop => stop()),
);
console.log(
  JSON.stringify({
    connections,
    ...{ sent, arrived, decapsulated, delivered, noise, tapped },
    conntrack: await events(),
    grown: Object.fromEntries(
      Object.keys(after).map(key => [key, after[key] - (before[key] ?? 0)]),
    ),
    rules: Object.fromEntries(
      ['node-a', 'node-b'].map(name => [name, inside(name, 'iptables-save', '-c')]),
    ),
    ipv6Rules: inside('node-a', 'ip6tables-save', '-c'),
    settings: settings(),
  }),
);

function tcp() {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  return new Promise(resolve => {
    const socket = connect(plan.port, plan.address);
    let connected = null;
    let echoed = 0;
    const end = result => {
      clearTimeout(timer);
      const { localAddress, localPort } = socket;
      resolve({ result, connected, echoed, localAddress, localPort });
      socket.destroy();
    };
    const timer = setTimeout(() => end('timeout'), plan.seconds * 1000);
    socket.on('error', ({ code }) => end(code));
    socket.on('connect', () => {
      connected = seconds();
      if (plan.bytes === 0) end('connected');
      else socket.write(Buffer.alloc(plan.bytes, 'x'));
    });
    socket.on('data', chunk => {
      echoed += chunk.length;
      if (echoed >= plan.bytes) end('echoed');
    });
  });
}

/** Asks three times from one socket, a fifth of a second apart. */
async function dns(index) {
  const socket = createSocket('udp4');
  let answers = 0;
  socket.on('message', () => answers++);
  const name = Buffer.from('\x03web\x07default\x03svc\x07cluster\x05local\x00\x00\x01\x00\x01');
  const query = Buffer.concat([Buffer.from([index, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), name]);
  for (let tries = 0; tries < 3; tries++) {
    socket.send(query, plan.port, plan.address);
    await sleep(200);
  }
  const { port: localPort } = socket.address();
  socket.close();
  return { result: answers === 0 ? 'timeout' : 'answered', answers, localPort };
}

/** Protocol counters `Udp.InCsumErrors` by namespace, and conntrack's own of node B. */
function counters() {
  const all = {};
  for (const name of ['node-a', 'node-b', 'web']) {
    const lines = inside(name, 'cat', '/proc/net/snmp').split('\n');
    for (let at = 0; at + 1 < lines.length; at += 2) {
      const [prefix, ...keys] = lines[at].split(' ');
      const [, ...values] = lines[at + 1].split(' ');
      for (const [index, key] of keys.entries()) {
        all[`${name} ${prefix.slice(0, -1)}${key}`] = Number(values[index]);
      }
    }
    for (const line of inside(name, 'cat', '/proc/net/snmp6').trim().split('\n')) {
      const [key, value] = line.split(/\s+/);
      all[`${name} ${key}`] = Number(value);
    }
  }
  const invalid = inside('node-b', 'conntrack', '-S').matchAll(/ invalid=(\d+)/g);
  all['node-b conntrack invalid'] = [...invalid].reduce((sum, [, value]) => sum + Number(value), 0);
  return all;
}

function settings() {
  const names = ['core/txrehash', 'ipv4/tcp_syn_linear_timeouts', 'ipv4/tcp_syn_retries'];
  const text = name => {
    try {
      return inside('node-a', 'cat', `/proc/sys/net/${name}`).trim();
    } catch {
      return null;
    }
  };
  return Object.fromEntries(names.map(name => [name, text(name)]));
}

/** tcpdump in a namespace; gives its lines when asked. */
async function capture(name, device, filter) {
  const args = ['-i', device, '-nn', '-vv', '-tt', '-l', '--immediate-mode', filter];
  const child = spawn('nsenter', [`--net=/run/netns/${name}`, 'tcpdump', ...args]);
  let output = '';
  child.stdout.on('data', bytes => {
    output += bytes;
  });
  // The pipe stays open: tcpdump writes its line in pieces, and would die of a closed one.
  let said = '';
  await new Promise((resolve, reject) => {
    child.stderr.on('data', bytes => {
      said += bytes;
      if (/listening on .*\n/.test(said)) resolve();
    });
    child.on('exit', () => reject(new Error(said)));
  });
  return async () => {
    child.kill('SIGINT');
    await once(child, 'close');
    return output;
  };
}

/** A command that reports events; gives its output when asked. */
async function follow(command, args) {
  const child = spawn(command, args);
  let output = '';
  child.stdout.on('data', bytes => {
    output += bytes;
  });
  // There is no word from it that it listens.
  await sleep(150);
  return async () => {
    child.kill('SIGINT');
    await once(child, 'close');
    return output;
  };
}
