/** What one walk has at hand, and what it writes down. */
import type { Network } from '../snapshot/network.js';
import type { Rule, Table } from './model.js';
import type { Oracle } from './oracle.js';
import type { Packet } from './packet.js';

export type Pass = 'inner' | 'outer';

/** A rule that matched, and what it did. */
export interface Step {
  readonly pass: Pass;
  readonly hook: string;
  readonly table: string;
  readonly chain: string;
  readonly rule: string;
  readonly file: string;
  readonly line: number | null;
  readonly effect: string;
  /** The mark when the rule was done. */
  readonly mark: number;
}

export class Walk {
  readonly network: Network;
  readonly oracle: Oracle;
  readonly steps: Step[] = [];
  /** Rules that were met and not understood. */
  readonly doubts: { readonly rule: Rule; readonly text: string }[] = [];
  pass: Pass = 'inner';
  hook = '';
  rulesMet = 0;
  /** The rule that translated the source in the pass under way. */
  translatedBy: Rule | undefined;

  constructor(network: Network, oracle: Oracle) {
    this.network = network;
    this.oracle = oracle;
  }

  note(rule: Rule, table: Table, effect: string, packet: Packet): void {
    const step: Step = {
      pass: this.pass,
      hook: this.hook,
      table: tableName(table),
      chain: rule.chain,
      rule: rule.text,
      file: rule.file,
      line: rule.line,
      effect,
      mark: packet.mark,
    };
    this.steps.push(step);
  }
}

/** `nat` as iptables calls it, with the back end where there is more than one; `ip kube-proxy`. */
export function tableName({ name, family, backend }: Table): string {
  switch (backend) {
    case 'nft':
      return `${family} ${name}`;
    case 'legacy':
      return `${name} (legacy)`;
    case 'iptables-nft':
    case 'unsaid':
      return name;
  }
}
