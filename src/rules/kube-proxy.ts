/** Whether a kube-proxy takes the masquerade mark off (PR 92035), by its version and by its rules. */
import type { KubeProxy, KubeProxyMode } from '../snapshot/kube-proxy.js';
import type { Chain, Condition, Rule, Ruleset, Statement, Table } from './model.js';
import { placeOf } from './outcome.js';

/** Series of Kubernetes and their first patch release with PR 92035; later series have it. */
const PATCHED_IN: ReadonlyMap<number, number> = new Map([
  [16, 13],
  [17, 9],
  [18, 6],
]);

/** Whether this version of kube-proxy takes the mark off; `undefined` if the text is no version. */
export function carriesPatch(version: string | undefined): boolean | undefined {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-(?:alpha|beta)\b)?/.exec(version ?? '');
  if (!match) return undefined;
  const [, major, minor = '', patch, early] = match;
  const series = Number(minor);
  if (major !== '1') return Number(major) > 1;
  // It was merged between two betas.
  if (series === 19 && early !== undefined && Number(patch) === 0) return undefined;
  if (series >= 19) return true;
  const first = PATCHED_IN.get(series);
  return first !== undefined && Number(patch) >= first;
}

/** kube-proxy's chain behind POSTROUTING, in one table. */
export interface PostroutingRules {
  readonly table: Table;
  /** The rule that masquerades what is marked. */
  readonly rule: Rule;
  /** Whether the mark is taken off before. */
  readonly clears: boolean;
}

/** Each table's, IPv4 first; tables without one are left out. */
export function postroutingRules({ tables }: Ruleset): PostroutingRules[] {
  const ipv4First = [...tables].sort(
    (a, b) => Number(a.family === 'ip6') - Number(b.family === 'ip6'),
  );
  return ipv4First.flatMap(table => {
    const chain = table.chains.get('KUBE-POSTROUTING') ?? ownMasquerading(table);
    const found = chain && masqueradeOfMarked(chain);
    return found ? [{ table, ...found }] : [];
  });
}

function ownMasquerading({ name, chains }: Table): Chain | undefined {
  return name === 'kube-proxy' ? chains.get('masquerading') : undefined;
}

function masqueradeOfMarked({ rules }: Chain): { rule: Rule; clears: boolean } | undefined {
  let asked = false;
  let clears = false;
  for (const rule of rules) {
    for (const statement of rule.statements) {
      if (statement.kind === 'match') asked ||= asksMark(statement.condition);
      if (takesBitsOff(statement)) clears = true;
      if (statement.kind === 'masquerade' && asked) return { rule, clears };
    }
  }
  return undefined;
}

function asksMark(condition: Condition): boolean {
  if (condition.kind !== 'is') return false;
  const { left } = condition;
  return (left.kind === 'masked' || left.kind === 'field') && left.field === 'mark';
}

/** All but `mark or CONSTANT`, which only adds. */
function takesBitsOff(statement: Statement): boolean {
  if (statement.kind !== 'set-mark' || statement.field !== 'mark') return false;
  const { constant, terms } = statement.value;
  const kept = terms.reduce((bits, term) => (term.field === 'mark' ? bits | term.mask : bits), 0);
  return (~kept & ~constant) !== 0 || (kept & constant) !== 0;
}

/** What does not go together: what kube-proxy is, and what its rules are. */
export function contradictions(kubeProxy: KubeProxy | undefined, ruleset: Ruleset): string[] {
  const rules = postroutingRules(ruleset);
  const said = kubeProxy ? [...byVersion(kubeProxy, rules), ...byMode(kubeProxy, ruleset)] : [];
  const keeps = rules.find(({ clears }) => !clears);
  const clears = rules.find(found => found.clears);
  if (!keeps || !clears) return said;
  return [
    ...said,
    `rules of two ages stand beside each other: ${nameOf(clears)} takes the masquerade mark off, ${nameOf(keeps)} does not`,
  ];
}

function byVersion({ version }: KubeProxy, rules: readonly PostroutingRules[]): string[] {
  const carries = carriesPatch(version);
  const stale = rules.find(({ clears }) => !clears);
  if (carries === true && stale) {
    return [
      `kube-proxy ${version} takes the masquerade mark off (PR 92035), but ${nameOf(stale)} does not: ` +
        'stale rules, which an older kube-proxy left or an older kubelet writes',
    ];
  }
  const newer = rules.find(({ clears }) => clears);
  if (carries !== false || !newer) return [];
  return [
    `kube-proxy ${version} is from before PR 92035, and yet ${nameOf(newer)} takes the mark off: ` +
      'a newer kubelet or kube-proxy wrote it',
  ];
}

function byMode({ mode, version }: KubeProxy, ruleset: Ruleset): string[] {
  if (mode === undefined || mode === 'userspace') return [];
  const others = modesOf(ruleset).filter(found => found !== mode);
  const name = ['kube-proxy', version].filter(part => part !== undefined).join(' ');
  return others.map(
    other => `${name} runs in ${mode} mode, but there are rules of its ${other} mode: leftovers`,
  );
}

/** Modes whose rules are there: services by chains, by sets of addresses, by maps. */
export function modesOf({ tables }: Ruleset): KubeProxyMode[] {
  const modes = tables.flatMap(({ name, backend, chains }): KubeProxyMode[] => {
    if (backend === 'nft')
      return name === 'kube-proxy' && chains.has('services') ? ['nftables'] : [];
    if (name !== 'nat') return [];
    const rules = chains.get('KUBE-SERVICES')?.rules ?? [];
    if (rules.some(({ text }) => / --match-set KUBE-/.test(text))) return ['ipvs'];
    return rules.some(({ text }) => / -j KUBE-(SVC|FW|EXT|XLB)-/.test(text)) ? ['iptables'] : [];
  });
  return [...new Set(modes)];
}

function nameOf({ rule }: PostroutingRules): string {
  return `${rule.chain} (${placeOf(rule)})`;
}
