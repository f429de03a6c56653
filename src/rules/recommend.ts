/** What would change a prediction: commands, and the versions that carry each fix. */
import { recommend } from '../analysis/recommendations.js';
import type { Recommendation, VerdictName } from '../analysis/verdict.js';
import type { KubeProxy } from '../snapshot/kube-proxy.js';
import { carriesPatch, type PostroutingRules, postroutingRules } from './kube-proxy.js';
import type { Ruleset, Table } from './model.js';
import type { Choice } from './oracle.js';
import { isTranslation, type Outcome, placeOf } from './outcome.js';
import { stripVolatile } from './text.js';
import type { Step } from './walk.js';

export function recommendFor(
  verdict: VerdictName,
  outcome: Outcome,
  question: Choice | undefined,
  ruleset: Ruleset,
  kubeProxy: KubeProxy | undefined,
): Recommendation[] {
  if (verdict === 'inconclusive') return question || isByIpvs(outcome) ? [knowMore(question)] : [];
  const device = outcome.journey.kind === 'tunnelled' ? outcome.journey.device : undefined;
  const usual = recommend(verdict, device, outcome.because);
  if (outcome.rewritten !== true && !outcome.addressRewritten) return usual;
  const [, ...others] = usual;
  const first = outcome.steps.findLast(step => step.pass === 'inner' && isTranslation(step));
  const postrouting = postroutingRules(ruleset);
  const isPatched = postrouting.some(({ clears }) => clears);
  // Updating kube-proxy would not help: its rules are mended, and come too late.
  if (first && isPatched && !isKubeProxys(first)) {
    return [firstInLine(first), ...others, ...withoutRandom(outcome)];
  }
  const stale = postrouting.find(({ clears }) => !clears);
  if (stale && carriesPatch(kubeProxy?.version)) {
    return [removeStale(stale, kubeProxy?.version ?? ''), ...others];
  }
  return [...usual, ...withoutRandom(outcome)];
}

/** kube-proxy is new enough, and its chain has a rule of an older one. */
function removeStale({ rule, table }: PostroutingRules, version: string): Recommendation {
  const text = stripVolatile(rule.text);
  const isPlain = /^-A [\w ./:!-]+$/.test(text);
  return {
    action: `Remove the rule that an older kube-proxy or kubelet left; kube-proxy ${version} itself is new enough`,
    command: isPlain ? `${toolOf(table)} -t nat -D${text.slice(2)}` : null,
    why: `${text} (${placeOf(rule)}) masquerades without taking the mark off; a kubelet before 1.28 writes KUBE-POSTROUTING as well, and would write it again`,
    source: 'https://github.com/projectcalico/calico/issues/3145',
  };
}

function toolOf({ family, backend }: Table): string {
  const tool = family === 'ip6' ? 'ip6tables' : 'iptables';
  return backend === 'legacy' ? `${tool}-legacy` : tool;
}

function isKubeProxys({ chain }: Step): boolean {
  return /^(KUBE-|masquerading$|nat-postrouting$)/.test(chain);
}

/** Another daemon's rule masquerades before kube-proxy takes the mark off. */
function firstInLine({ chain, rule, file, line }: Step): Recommendation {
  const where = line === null ? file : `${file}:${line}`;
  const why = `${stripVolatile(rule)} (${where}) masquerades before kube-proxy takes its mark off, so the outer datagram still carries it`;
  if (chain.startsWith('cali-')) return calicoInLine(why);
  const flannel = chain.startsWith('FLANNEL');
  return {
    action: flannel
      ? 'Update flannel to 0.20.2 or later (and leave kube-proxy its masquerade bit 14, which flannel names)'
      : `Have ${chain} return packets that carry kube-proxy's mark, or run behind KUBE-POSTROUTING`,
    command: `iptables -t nat -I ${chain} 1 -m mark --mark 0x4000/0x4000 -j RETURN`,
    why,
    source: 'https://github.com/flannel-io/flannel/issues/1679',
  };
}

/** Felix puts its chains back in front of all others; its own settings change that. */
function calicoInLine(why: string): Recommendation {
  return {
    action:
      'Have Calico append its chains, or update it to a release that does not track its VXLAN port (NOTRACK in cali-OUTPUT of raw)',
    command: `kubectl patch felixconfiguration default --type merge -p '{"spec":{"chainInsertMode":"Append"}}'`,
    why,
    source: 'https://github.com/projectcalico/calico/issues/3145',
  };
}

/** The rule that draws the port would be harmless without its flag. */
function withoutRandom({ deciding }: Outcome): Recommendation[] {
  if (!deciding || deciding.table.includes(' ') || !/--random/.test(deciding.rule)) return [];
  const rule = stripVolatile(deciding.rule);
  return [
    {
      action: 'Or masquerade without --random-fully: the outer port then stays as it is',
      command: null,
      why: `${rule} (${deciding.file}:${deciding.line}) draws the port anew; kube-proxy writes it back where iptables knows the flag`,
      source: 'https://github.com/kubernetes/kubernetes/issues/90854',
    },
  ];
}

function isByIpvs({ journey }: Outcome): boolean {
  return journey.kind === 'tunnelled' && journey.byIpvs;
}

function knowMore(question: Choice | undefined): Recommendation {
  if (question?.kind === 'order') {
    return {
      action: 'Say in which order the rules were loaded, or measure it',
      command: 'stalesum inspect --dir DIR --order FIRST-FILE,SECOND-FILE',
      why: 'of base chains with equal priority the one registered last runs first, and no tool lists that order',
      source: 'nf_hook_entries_grow(), net/netfilter/core.c of Linux',
    };
  }
  return {
    action: question
      ? 'Measure it: whether that rule matches is not in the saved files'
      : 'Measure it: the walk through IPVS was never held against a kernel',
    command: 'stalesum reproduce',
    why: question
      ? 'both outcomes are possible with these rules'
      : 'packets prove what rules only suggest',
    source: 'docs/reading-a-verdict.md',
  };
}
