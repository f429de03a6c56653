/** Random tables for iptables-restore. */

const MARKS = ['0x4000', '0x8000', '0x1', '0xc000', '0xffffffff', '0x0'];
const MASKS = ['0x4000', '0x8000', '0xc000', '0xffff', '0xffffffff'];
const NETWORKS = [
  '10.244.0.0/16',
  '10.244.1.2/32',
  '10.96.0.0/12',
  '192.168.50.0/24',
  '10.244.0.0/32',
];
const PORTS = ['8472', '8080', '80', '1000:9000', ':79'];

/** Sets of addresses and ports, some with the service, its endpoint, the node or its peer in them. */
const SETS = [
  ['ADDRESSES', 'hash:ip', 'src', ['10.244.0.0', '192.168.50.77']],
  ['NODES', 'hash:ip', 'dst', ['192.168.50.2']],
  ['POOLS', 'hash:net', 'src', ['10.244.0.0/16']],
  ['NETWORKS', 'hash:net', 'dst', ['10.244.1.0/24', '192.168.50.0/30']],
  ['SERVICES', 'hash:ip,port', 'dst,dst', ['10.96.0.10,udp:80', '10.244.1.2,tcp:8080']],
  ['ENDPOINTS', 'hash:ip,port', 'dst,dst', ['10.244.1.2,udp:8080', '192.168.50.2,udp:4789']],
  ['HAIRPINS', 'hash:ip,port,ip', 'dst,dst,src', ['10.244.1.2,udp:8080,192.168.50.1']],
  ['NODEPORTS', 'bitmap:port', 'dst', ['8472', '30000-30010']],
];

/** For `ipset restore`. */
export function ipsetText() {
  return SETS.flatMap(([name, type, , members]) => [
    `create ${name} ${type}${type.startsWith('bitmap') ? ' range 0-65535' : ''}`,
    ...members.map(member => `add ${name} ${member}`),
    '',
  ]).join('\n');
}

export function iptablesText(random, leads) {
  const tables = [];
  if (random.chance(0.3)) tables.push(table(random, 'raw', ['OUTPUT']));
  if (random.chance(0.4)) tables.push(table(random, 'mangle', ['OUTPUT', 'POSTROUTING']));
  if (random.chance(0.3)) tables.push(table(random, 'filter', ['OUTPUT']));
  tables.push(natTable(random, leads));
  return tables.join('');
}

function table(random, name, hooks) {
  const chains = hooks.flatMap(hook => chainsOf(random, hook, () => target(random, name, hook)));
  return write(name, hooks, chains);
}

function natTable(random, leads) {
  const lead = leads ? leading(random) : [];
  const output = chainsOf(random, 'OUTPUT', () => target(random, 'nat', 'OUTPUT'));
  output[0].rules.push(...lead);
  const postrouting = chainsOf(random, 'POSTROUTING', () => target(random, 'nat', 'POSTROUTING'));
  return write('nat', ['OUTPUT', 'POSTROUTING'], [...output, ...postrouting]);
}

/** What kube-proxy does: mark, then DNAT. */
function leading(random) {
  const service = '-d 10.96.0.10/32 -p udp -m udp --dport 80';
  const mark = `-A OUTPUT ${service} -j MARK --set-xmark ${random.pick(['0x4000/0x4000', '0x8000/0x8000', '0xc000/0xc000'])}`;
  const dnat = `-A OUTPUT ${service} -j DNAT --to-destination 10.244.1.2:8080`;
  return random.chance(0.85) ? [mark, dnat] : [dnat];
}

function write(name, hooks, chains) {
  const declared = chains.map(
    chain => `:${chain.name} ${hooks.includes(chain.name) ? 'ACCEPT' : '-'} [0:0]`,
  );
  const rules = chains.flatMap(chain => chain.rules);
  return [`*${name}`, ...declared, ...rules, 'COMMIT', ''].join('\n');
}

/** The built-in chain and some of our own; each jumps only to later ones, so there is no loop. */
function chainsOf(random, hook, makeTarget) {
  const prefix = hook.slice(0, 2);
  const own = Array.from({ length: random.below(4) }, (_, index) => `${prefix}-${index}`);
  const names = [hook, ...own];
  return names.map((name, index) => {
    const later = names.slice(index + 1);
    const rules = Array.from({ length: 1 + random.below(4) }, () => {
      const jump = later.length > 0 && random.chance(0.4);
      const to = jump ? `${random.pick(['-j', '-j', '-g'])} ${random.pick(later)}` : makeTarget();
      const asked = conditions(random);
      // Targets with ports need the protocol, and it must not be said twice.
      return `-A ${name} ${asked}${asked.includes('-p udp') ? to.replace('-p udp ', '') : to}`;
    });
    return { name, rules };
  });
}

function conditions(random) {
  const count = random.pick([0, 0, 1, 1, 1, 2]);
  return random
    .shuffle(CONDITIONS)
    .slice(0, count)
    .sort((a, b) => a.place - b.place)
    .map(({ make }) => `${make(random)} `)
    .join('');
}

const not = random => (random.chance(0.35) ? '! ' : '');

/** In the order in which iptables-restore wants them; `-p` only where ports need it. */
const CONDITIONS = [
  { place: 0, make: random => `${not(random)}-s ${random.pick(NETWORKS)}` },
  { place: 1, make: random => `${not(random)}-d ${random.pick(NETWORKS)}` },
  {
    place: 2,
    make: random => `${not(random)}-o ${random.pick(['eth0', 'flannel.1', 'flan+', 'lo'])}`,
  },
  { place: 3, make: random => `-p udp -m udp ${not(random)}--dport ${random.pick(PORTS)}` },
  {
    place: 5,
    make: random => `-m mark ${not(random)}--mark ${random.pick(MARKS)}/${random.pick(MASKS)}`,
  },
  {
    place: 6,
    make: random => `-m connmark ${not(random)}--mark ${random.pick(MARKS)}/${random.pick(MASKS)}`,
  },
  {
    place: 7,
    make: random =>
      `-m conntrack ${not(random)}--ctstate ${random.pick(['NEW', 'NEW,DNAT', 'INVALID', 'RELATED,ESTABLISHED', 'DNAT', 'SNAT', 'UNTRACKED'])}`,
  },
  {
    place: 8,
    make: random => `-m addrtype ${not(random)}--src-type ${random.pick(['LOCAL', 'UNICAST'])}`,
  },
  {
    place: 9,
    make: random =>
      `-m addrtype ${not(random)}--dst-type ${random.pick(['LOCAL', 'UNICAST', 'MULTICAST'])}`,
  },
  {
    place: 10,
    make: random =>
      `-m iprange ${not(random)}--dst-range ${random.pick(['10.244.1.0-10.244.1.9', '192.168.50.2-192.168.50.3'])}`,
  },
  {
    place: 12,
    make: random => {
      const [name, , directions] = random.pick(SETS);
      return `-m set ${not(random)}--match-set ${name} ${directions}`;
    },
  },
  {
    place: 13,
    make: random =>
      `-m addrtype ${not(random)}--src-type ${random.pick(['LOCAL', 'UNICAST'])} --limit-iface-out`,
  },
  { place: 11, make: () => '-m comment --comment "a comment with -j DROP and \\" in it"' },
];

function target(random, table, hook) {
  const roll = random.next();
  if (roll < 0.35) return markTarget(random);
  if (roll < 0.5) return connmarkTarget(random);
  if (roll < 0.62) return '-j RETURN';
  if (roll < 0.7) return '-j ACCEPT';
  if (roll < 0.72 && table !== 'nat') return '-j DROP';
  if (roll < 0.76) return '';
  if (table === 'raw') return random.pick(['-j NOTRACK', '-j CT --notrack', '-j RETURN']);
  if (table === 'nat' && hook === 'POSTROUTING') return sourceTarget(random);
  if (table === 'nat' && random.chance(0.3))
    return '-p udp -j DNAT --to-destination 10.244.1.3:8081';
  return markTarget(random);
}

function markTarget(random) {
  const mark = random.pick(MARKS);
  return random.pick([
    `-j MARK --set-xmark ${mark}/${random.pick(MASKS)}`,
    `-j MARK --set-mark ${mark}/${random.pick(MASKS)}`,
    `-j MARK --or-mark ${mark}`,
    `-j MARK --xor-mark ${mark}`,
    `-j MARK --and-mark ${mark}`,
  ]);
}

function connmarkTarget(random) {
  const masks = `--nfmask ${random.pick(MASKS)} --ctmask ${random.pick(MASKS)}`;
  return random.pick([
    `-j CONNMARK --set-xmark ${random.pick(MARKS)}/${random.pick(MASKS)}`,
    `-j CONNMARK --save-mark ${masks}`,
    `-j CONNMARK --restore-mark ${masks}`,
  ]);
}

/** Ranges that hold all source ports, or none, so that the outcome is not a matter of chance. */
function sourceTarget(random) {
  const flags = random.pick(['', ' --random', ' --random-fully', ' --random-fully']);
  return random.pick([
    `-j MASQUERADE${flags}`,
    `-j MASQUERADE${flags}`,
    `-p udp -j MASQUERADE --to-ports ${random.pick(['1024-65535', '2000-3000'])}${flags}`,
    `-j SNAT --to-source ${random.pick(['192.168.50.1', '10.244.0.0', '192.168.50.77'])}${flags}`,
    `-p udp -j SNAT --to-source 192.168.50.1:${random.pick(['1024-65535', '2000-3000'])}${flags}`,
  ]);
}
