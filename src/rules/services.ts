/** The services that a rule set knows: where one can connect to. */
import type { Condition, Element, Field, Rule, Ruleset, Statement, Table } from './model.js';

export interface Service {
  readonly protocol: 'tcp' | 'udp';
  /** Null for a node port, which is on every address of the node. */
  readonly address: string | null;
  readonly port: number;
  /** `default/web:http`, where the rules say it. */
  readonly name: string | null;
  /** Whether clients outside of the cluster are meant to use it. */
  readonly external: boolean;
}

/** All services, each once, in the order of the rules. */
export function servicesOf(ruleset: Ruleset): Service[] {
  const found = new Map<string, Service>();
  for (const service of ipvsServices(ruleset)) {
    found.set(`${service.protocol} ${service.address} ${service.port}`, service);
  }
  for (const table of ruleset.tables) {
    const services = table.backend === 'nft' ? nftServices(table) : iptablesServices(table);
    for (const service of services) {
      const key = `${service.protocol} ${service.address} ${service.port}`;
      if (!found.has(key)) found.set(key, service);
    }
  }
  return [...found.values()];
}

/** In IPVS mode no rule names a service: KUBE-CLUSTER-IP has their addresses, protocols and ports. */
function ipvsServices({ ipsets }: Ruleset): Service[] {
  const sets = ['KUBE-CLUSTER-IP', 'KUBE-6-CLUSTER-IP'];
  const members = sets.flatMap(name => ipsets?.get(name)?.elements ?? []);
  return members.flatMap(({ pattern }) => {
    const parts = pattern.kind === 'concat' ? pattern.parts : [];
    const [address, protocol, port] = parts.map(part => (part.kind === 'exact' ? part.value : ''));
    if ((protocol !== 'tcp' && protocol !== 'udp') || typeof port !== 'number') return [];
    return [{ protocol, address: String(address), port, name: null, external: false }];
  });
}

/** Rules that lead an address and port, or a port alone, to a chain of a service or to DNAT. */
function iptablesServices(table: Table): Service[] {
  if (table.name !== 'nat') return [];
  const services: Service[] = [];
  for (const { rules } of table.chains.values()) {
    for (const rule of rules) {
      const service = leadsOn(rule) ? serviceOfRule(rule) : undefined;
      if (service) services.push(service);
    }
  }
  return services;
}

function leadsOn({ statements, chain }: Rule): boolean {
  const last = statements.at(-1);
  if (last?.kind === 'nat') return last.side === 'destination' && !chain.startsWith('KUBE-SEP-');
  if (last?.kind !== 'verdict' || !('chain' in last.verdict)) return false;
  const to = last.verdict.chain;
  return !to.startsWith('KUBE-SEP-') && !to.includes('MASQ') && !to.includes('MARK');
}

function serviceOfRule(rule: Rule): Service | undefined {
  const protocol = exactValue(rule.statements, 'protocol');
  const port = exactValue(rule.statements, 'destinationPort');
  if ((protocol !== 'tcp' && protocol !== 'udp') || typeof port !== 'number') return undefined;
  const address = exactValue(rule.statements, 'destination');
  const comment = /--comment "([^"]*)"/.exec(rule.text)?.[1] ?? '';
  const name = /^"?([\w.-]+\/[\w.:-]+)/.exec(comment)?.[1] ?? null;
  const external = address === undefined || /(loadbalancer|external) IP/.test(comment);
  const own = address === undefined ? null : String(address);
  return { protocol, address: own, port, name, external };
}

function exactValue(statements: readonly Statement[], field: Field) {
  for (const statement of statements) {
    const value = statement.kind === 'match' ? exactOf(statement.condition, field) : undefined;
    if (value !== undefined) return value;
  }
  return undefined;
}

function exactOf(condition: Condition, field: Field) {
  if (condition.kind !== 'is' || condition.negated) return undefined;
  const { left, right } = condition;
  if (left.kind !== 'field' || left.field !== field || right.kind !== 'these') return undefined;
  const [element, more] = right.elements;
  if (more) return undefined;
  if (element?.pattern.kind === 'exact') return element.pattern.value;
  const range = element?.pattern;
  return range?.kind === 'numbers' && range.low === range.high ? range.low : undefined;
}

/** Verdict maps from address, protocol and port, or from protocol and port. */
function nftServices(table: Table): Service[] {
  return [...table.sets.values()].flatMap(({ elements }) =>
    elements.flatMap(element => serviceOfElement(element)),
  );
}

function serviceOfElement({ pattern, datum }: Element): Service[] {
  if (pattern.kind !== 'concat' || datum?.kind !== 'verdict') return [];
  const { verdict } = datum;
  const target = 'chain' in verdict ? verdict.chain : '';
  if (!/^(service|external)-/.test(target)) return [];
  const values = pattern.parts.map(part => (part.kind === 'exact' ? part.value : ''));
  const [port, protocol, address] = [...values].reverse();
  if ((protocol !== 'tcp' && protocol !== 'udp') || typeof port !== 'number') return [];
  const name = /^\w+-[A-Z0-9]+-([^/]+\/[^/]+)\/(?:tcp|udp)\/(.*)$/.exec(target);
  return [
    {
      protocol,
      address: address === undefined ? null : String(address),
      port,
      name: name ? `${name[1]}${name[2] ? `:${name[2]}` : ''}` : null,
      external: target.startsWith('external-'),
    },
  ];
}
