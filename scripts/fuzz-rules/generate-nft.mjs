/** Random tables for `nft -f`. */

const MARKS = ['0x4000', '0x8000', '0x1', '0xc000', '0xffffffff', '0x0'];
const MASKS = ['0x4000', '0x8000', '0xc000', '0xffff'];

export function nftText(random, leads) {
  const names = random.chance(0.3) ? ['first', 'second'] : ['first'];
  return names.map((name, index) => tableText(random, name, leads && index === 0)).join('');
}

function tableText(random, name, leads) {
  const family = random.pick(['ip', 'ip', 'inet']);
  const bases = [
    ...(random.chance(0.5) ? [filterBase(random, 'output', family)] : []),
    natBase(random, 'output', leads, family),
    natBase(random, 'postrouting', false, family),
    ...(random.chance(0.4) ? [filterBase(random, 'postrouting', family)] : []),
  ];
  const chains = random.shuffle(bases).flatMap((base, index) => chainsOf(random, base, index));
  return [`table ${family} ${name} {`, ...SETS, ...chains, '}', ''].join('\n');
}

const SETS = [
  'set services { type ipv4_addr . inet_proto . inet_service; elements = { 10.96.0.10 . udp . 80, 10.96.0.11 . tcp . 80 } }',
  'set pods { type ipv4_addr; flags interval; elements = { 10.244.1.0/24, 10.244.9.1-10.244.9.7 } }',
];

function natBase(random, hook, leads, family) {
  const priority =
    hook === 'output'
      ? random.pick(['-100', '-100', '-105', '-90'])
      : random.pick(['srcnat', 'srcnat', 'srcnat - 5', 'srcnat + 10']);
  const first = leads ? leading(random, family) : [];
  return { hook, type: 'nat', priority, first, family };
}

function leading(random, family) {
  const ip = family === 'inet' ? 'ip ' : '';
  const mark = `meta mark set meta mark | ${random.pick(['0x4000', '0x8000', '0xc000'])}`;
  const match = 'ip daddr . meta l4proto . th dport @services meta l4proto udp';
  return random.pick([
    [`${match} ${mark} dnat ${ip}to 10.244.1.2:8080`],
    [`ip daddr 10.96.0.10 udp dport 80 ${mark}`, `${match} dnat ${ip}to 10.244.1.2:8080`],
    [
      `ip daddr 10.96.0.10 udp dport 80 ${mark} dnat ${ip}to ip daddr map { 10.96.0.10 : 10.244.1.2 }`,
    ],
  ]);
}

function filterBase(random, hook, family) {
  const type = hook === 'output' && random.chance(0.3) ? 'route' : 'filter';
  const priority =
    hook === 'output'
      ? random.pick(['raw', 'raw', '-250', 'mangle', '-100', 'filter', '-90'])
      : random.pick(['mangle', 'filter', '90', '100', '105', '150']);
  return { hook, type, priority, first: [], family };
}

function chainsOf(random, base, index) {
  const { hook, type, priority, first } = base;
  const own = Array.from({ length: random.below(3) }, (_, at) => `${hook}-${index}-${at}`);
  const names = [`${hook}-${index}`, ...own];
  return names.map((name, at) => {
    const head = at === 0 ? [`type ${type} hook ${hook} priority ${priority}; policy accept;`] : [];
    const later = names.slice(at + 1);
    const random_ = Array.from({ length: 1 + random.below(4) }, () => rule(random, base, later));
    const rules = at === 0 ? [...random_.slice(1), ...first, ...random_.slice(0, 1)] : random_;
    return [`chain ${name} {`, ...head, ...rules, '}'].join('\n');
  });
}

function rule(random, base, later) {
  const count = random.pick([0, 1, 1, 2]);
  const parts = random
    .shuffle(CONDITIONS)
    .slice(0, count)
    .map(make => make(random));
  if (random.chance(0.3)) parts.push('counter');
  if (random.chance(0.3)) parts.push(markStatement(random));
  if (random.chance(0.1) && later.length > 0) parts.push(verdictMap(random, later));
  else parts.push(ending(random, base, later));
  return parts.filter(part => part !== '').join(' ') || 'counter';
}

const is = random => random.pick(['==', '!=']);

const CONDITIONS = [
  random => `meta mark & ${random.pick(MASKS)} ${is(random)} ${random.pick(MARKS)}`,
  random => `meta mark ${is(random)} ${random.pick(MARKS)}`,
  random => `ct mark & ${random.pick(MASKS)} ${is(random)} ${random.pick(MARKS)}`,
  random =>
    `oifname ${is(random)} ${random.pick(['"eth0"', '"flannel.1"', '"flan*"', '{ "eth0", "lo" }'])}`,
  random =>
    `ip saddr ${is(random)} ${random.pick(['10.244.0.0/16', '192.168.50.1', '{ 10.0.0.0/8, 127.0.0.1 }'])}`,
  random =>
    `ip daddr ${is(random)} ${random.pick(['10.244.1.2', '192.168.50.0/24', '@pods', '10.96.0.10-10.96.0.12'])}`,
  random => `udp dport ${is(random)} ${random.pick(['8472', '8080', '{ 80, 8080 }', '1000-9000'])}`,
  random => `udp dport ${random.pick(['<', '>', '<=', '>='])} 8080`,
  random => `meta l4proto ${is(random)} ${random.pick(['udp', 'tcp', '{ tcp, udp }'])}`,
  random =>
    `ct state ${random.pick(['new', 'established,related', 'invalid', 'untracked', '!= new', 'new,established'])}`,
  random => `ct status ${random.pick(['dnat', 'snat'])}`,
  random => `fib daddr type ${is(random)} ${random.pick(['local', 'unicast'])}`,
  random => `fib saddr type ${random.pick(['local', 'unicast'])}`,
  random => `ip daddr . udp dport ${is(random)} { 10.244.1.2 . 8080, 192.168.50.2 . 8472 }`,
];

function markStatement(random) {
  const constant = random.pick(MARKS);
  return random.pick([
    `meta mark set ${constant}`,
    `meta mark set meta mark | ${constant}`,
    `meta mark set meta mark ^ ${constant}`,
    `meta mark set meta mark & ${constant}`,
    `meta mark set meta mark & ${random.pick(MASKS)} ^ ${constant}`,
    'ct mark set meta mark',
    `ct mark set ${constant}`,
    'meta mark set ct mark',
  ]);
}

function verdictMap(random, later) {
  const to = () =>
    random.pick([
      `jump ${random.pick(later)}`,
      `goto ${random.pick(later)}`,
      'return',
      'continue',
      'accept',
    ]);
  return random.pick([
    `udp dport vmap { 8472 : ${to()}, 8080 : ${to()} }`,
    `ip daddr vmap { 10.244.1.2 : ${to()}, 192.168.50.0/24 : ${to()} }`,
    `meta mark vmap { 0x4000 : ${to()}, 0x0 : ${to()} }`,
  ]);
}

function ending(random, { type, hook, priority, family }, later) {
  if (later.length > 0 && random.chance(0.4)) {
    return `${random.pick(['jump', 'jump', 'goto'])} ${random.pick(later)}`;
  }
  if (type === 'nat' && hook === 'postrouting' && random.chance(0.5)) return source(random, family);
  const roll = random.next();
  if (roll < 0.2) return 'return';
  if (roll < 0.3) return 'accept';
  if (roll < 0.4 && type === 'filter' && /raw|-250|mangle/.test(priority) && hook === 'output') {
    return 'notrack';
  }
  if (roll < 0.42 && type === 'filter') return 'drop';
  return roll < 0.8 ? markStatement(random) : '';
}

function source(random, family) {
  const ip = family === 'inet' ? 'ip ' : '';
  const flags = random.pick(['', ' random', ' fully-random', ' fully-random']);
  return random.pick([
    `masquerade${flags}`,
    `masquerade${flags}`,
    `meta l4proto udp masquerade to :${random.pick(['1024-65535', '2000-3000'])}${flags}`,
    `snat ${ip}to ${random.pick(['192.168.50.1', '192.168.50.77', '10.244.0.0'])}${flags}`,
    `meta l4proto udp snat ${ip}to 192.168.50.1:${random.pick(['1024-65535', '2000-3000'])}${flags}`,
  ]);
}
