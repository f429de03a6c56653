/**
 * The listing of one table, as `iptables -t nat -nvL` prints it and sos reports keep it. It is made for
 * people, and yet says nearly all: each rule is put into the words of iptables-save, line for line, and
 * what cannot be is an unknown match.
 *
 *     Chain KUBE-POSTROUTING (1 references)
 *      pkts bytes target     prot opt in     out     source               destination
 *         0     0 RETURN     all  --  *      *       0.0.0.0/0            0.0.0.0/0            mark match ! 0x4000/0x4000
 */
import { excerpt, ruleFault } from './fault.js';
import type { IpSets } from './ipset.js';
import { parseIptablesSave } from './iptables-save.js';
import type { Table } from './model.js';

const CHAIN = /^Chain (\S+) \((?:policy (\w+)|\d+ references)/;
const COLUMNS = /^\s*(?:num\s+)?pkts\s+bytes\s+target\s/;
const RULE =
  /^\s*\d+[KMGTP]?\s+\d+[KMGTP]?\s+(?:(\S+)\s+)?(!?(?:[a-z][\w-]*|\d+))\s+(?:(--|-f|!f)\s+)?(!?[\w*+.@:-]+)\s+(!?[\w*+.@:-]+)\s+(!?[\da-f.:/]+)\s+(!?[\da-f.:/]+)\s*(.*)$/;

/** @throws StalesumError `bad-input` with file and line for anything that is no such listing */
export function parseIptablesListing(text: string, file: string, ipsets: IpSets): Table[] {
  let chain: string | undefined;
  const chains: string[] = [];
  const lines = text.split('\n').map((raw, index) => {
    const line = raw.trimEnd();
    const head = CHAIN.exec(line);
    if (head) {
      chain = head[1] ?? '';
      chains.push(chain);
      return `:${chain} ${head[2] ?? '-'} [0:0]`;
    }
    if (line === '' || COLUMNS.test(line) || line.startsWith('#')) return '';
    const rule = RULE.exec(line);
    if (!rule || chain === undefined) {
      const what = 'expected "Chain NAME (...)" or a rule of iptables -nvL';
      throw ruleFault(file, index + 1, `${what}, found ${excerpt(line.trim())}`);
    }
    return ruleText(chain, rule);
  });
  // The table's own line comes in front of the first.
  const saved = [`*${tableOf(chains, file)}`, ...lines, 'COMMIT'].join('\n');
  return parseIptablesSave(saved, file, ipsets, 0);
}

/** Which table has these built-in chains, if the file's name does not say it. */
function tableOf(chains: readonly string[], file: string): string {
  const named = /-t[_ ](raw|mangle|nat|filter|security)\b/.exec(file.replaceAll('_-', ' -'))?.[1];
  if (named !== undefined) return named;
  const has = (name: string) => chains.includes(name);
  if (has('POSTROUTING')) return has('FORWARD') ? 'mangle' : 'nat';
  return has('PREROUTING') ? 'raw' : 'filter';
}

function ruleText(chain: string, rule: RegExpExecArray): string {
  const [, target, protocol = '', fragment, inside = '', outside = '', source = '', to = ''] = rule;
  const extras = readExtras(rule[8] ?? '');
  const goto = extras.goto ? '-g' : '-j';
  return [
    `-A ${chain}`,
    option('-s', source, /^(0\.0\.0\.0\/0|::\/0)$/),
    option('-d', to, /^(0\.0\.0\.0\/0|::\/0)$/),
    option('-i', inside, /^(\*|any)$/),
    option('-o', outside, /^(\*|any)$/),
    option('-p', protocol, /^(all|0)$/),
    fragment === '-f' ? '-f' : fragment === '!f' ? '! -f' : '',
    ...extras.matches,
    target === undefined ? '' : `${goto} ${isWhole(target, extras) ? target : `LISTED-${target}`}`,
    ...extras.options.map(text =>
      text.replace(/^TO /, target === 'SNAT' ? '--to-source ' : '--to-destination '),
    ),
  ]
    .filter(part => part !== '')
    .join(' ');
}

/** Of a target that does nothing without an option, the option was listed in words not known here. */
function isWhole(target: string, { options }: Extras): boolean {
  return options.length > 0 || !/^(MARK|CONNMARK|SNAT|DNAT)$/.test(target);
}

function option(name: string, value: string, any: RegExp): string {
  if (any.test(value)) return '';
  return value.startsWith('!') ? `! ${name} ${value.slice(1)}` : `${name} ${value}`;
}

interface Extras {
  readonly matches: readonly string[];
  readonly options: readonly string[];
  readonly goto: boolean;
}

type Written = { readonly match?: string; readonly option?: string; readonly goto?: true };

/** How each extension lists itself (the print and save functions of iptables' extensions/libxt_*.c). */
const VOCABULARY: readonly (readonly [RegExp, (groups: readonly string[]) => Written])[] = [
  [
    /^\/\* ?(.*?) ?\*\//,
    ([, comment = '']) => ({ match: `-m comment --comment ${quoted(comment)}` }),
  ],
  [/^\[goto\]/, () => ({ goto: true })],
  [/^nfacct-name\s+\S+/, () => ({})],
  [
    /^(tcp|udp|sctp)((?: [sd]pts?:!?[\d:]+)+)/,
    ([, protocol, ports = '']) => ({ match: `-m ${protocol} ${portOptions(ports)}` }),
  ],
  [/^(?:tcp|udp|sctp)(?= |$)/, () => ({})],
  [
    /^multiport ([sd]ports) (!?\s?)([\d,:]+)/,
    ([, name, not = '', ports]) => ({ match: `-m multiport ${not.trim()} --${name} ${ports}` }),
  ],
  [
    /^connmark match\s+(!\s*)?(0x[\da-f/x]+)/,
    ([, not = '', mark]) => ({ match: `-m connmark ${not.trim()} --mark ${mark}` }),
  ],
  [
    /^(source|destination) IP range (! )?([\d.]+-[\d.]+)/,
    ([, side, not = '', range]) => ({
      match: `-m iprange ${not}--${side === 'source' ? 'src' : 'dst'}-range ${range}`,
    }),
  ],
  [
    /^mark match (! )?(0x[\da-f/x]+)/,
    ([, not = '', mark]) => ({ match: `-m mark ${not}--mark ${mark}` }),
  ],
  [
    /^(! )?(?:ct)?state ([A-Z,]+)/,
    ([, not = '', states]) => ({ match: `-m conntrack ${not}--ctstate ${states}` }),
  ],
  [
    /^ADDRTYPE match((?: (?:src|dst)-type !?[A-Z,]+)+)( limit-in| limit-out)?/,
    ([, types = '', limit = '']) => ({
      match: `-m addrtype ${typeOptions(types)}${limitOption(limit)}`,
    }),
  ],
  [
    /^(! )?match-set (\S+) ([a-z,]+)/,
    ([, not = '', name, directions]) => ({
      match: `-m set ${not}--match-set ${name} ${directions}`,
    }),
  ],
  [
    /^statistic mode (random|nth) (?:probability ([\d.]+)|every (\d+).*)/,
    ([, mode, probability = '0.5']) => ({
      match: `-m statistic --mode ${mode} --probability ${probability}`,
    }),
  ],
  [
    /^recent: (SET|UPDATE|CHECK|REMOVE)(?: TTL-Match)?(?: seconds: \d+)?(?: reap)?(?: hit_count: \d+)?(?: name: \S+)?(?: side: \w+)?(?: mask: \S+)?/,
    ([, verb]) => ({ match: `-m recent --${verb === 'SET' ? 'set' : 'rcheck'}` }),
  ],
  [
    /^(?:CONN)?MARK (or|xor|and) (0x[\da-f]+)/,
    ([, how, value]) => ({ option: `--${how}-mark ${value}` }),
  ],
  [/^(?:CONN)?MARK set (0x[\da-f]+)/, ([, value]) => ({ option: `--set-mark ${value}` })],
  [
    /^(?:CONN)?MARK xset (0x[\da-f]+\/0x[\da-f]+)/,
    ([, value]) => ({ option: `--set-xmark ${value}` }),
  ],
  [
    /^CONNMARK (save|restore)(?: mask (0x[\da-f]+)| (nf|ct)mask (0x[\da-f]+) (?:nf|ct)mask ~(0x[\da-f]+))?/,
    connectionMark,
  ],
  [/^masq ports: ([\d-]+)/, ([, ports]) => ({ option: `--to-ports ${ports}` })],
  [/^redir ports ([\d-]+)/, ([, ports]) => ({ option: `--to-ports ${ports}` })],
  [/^to:([\da-f.:[\]-]+)/, ([, to]) => ({ option: `TO ${to}` })],
  [/^random-fully/, () => ({ option: '--random-fully' })],
  [/^random(?= |$)/, () => ({ option: '--random' })],
  [/^persistent/, () => ({})],
  [/^reject-with \S+/, () => ({})],
  [/^(?:CT )?notrack/i, () => ({ option: '--notrack' })],
];

function connectionMark(groups: readonly string[]): Written {
  const [, verb = '', mask, first, one = '', other = ''] = groups;
  const masks =
    first === 'ct' ? `--nfmask ${other} --ctmask ${one}` : `--nfmask ${one} --ctmask ${other}`;
  const said = mask === undefined ? (first === undefined ? '' : masks) : `--mask ${mask}`;
  return { option: `--${verb}-mark ${said}`.trimEnd() };
}

function readExtras(text: string): Extras {
  const matches: string[] = [];
  const options: string[] = [];
  let goto = false;
  let rest = text.trim();
  while (rest !== '') {
    const { written, length } = readExtra(rest);
    if (written.match !== undefined) matches.push(written.match);
    if (written.option !== undefined) options.push(written.option);
    goto ||= written.goto === true;
    rest = rest.slice(length).trimStart();
  }
  return { matches, options, goto };
}

function readExtra(text: string): { readonly written: Written; readonly length: number } {
  for (const [pattern, write] of VOCABULARY) {
    const found = pattern.exec(text);
    if (found) return { written: write(found), length: found[0].length };
  }
  // It and all that follows may be a condition, or what the target does.
  return { written: { match: `-m listed --as ${quoted(text)}` }, length: text.length };
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

/** ` dpt:80 spts:!1:9` */
function portOptions(ports: string): string {
  return [...ports.matchAll(/ ([sd])pts?:(!?)([\d:]+)/g)]
    .map(([, side, not, port]) => `${not === '!' ? '! ' : ''}--${side}port ${port}`)
    .join(' ');
}

function typeOptions(types: string): string {
  return [...types.matchAll(/ (src|dst)-type (!?)([A-Z,]+)/g)]
    .map(([, side, not, type]) => `${not === '!' ? '! ' : ''}--${side}-type ${type}`)
    .join(' ');
}

function limitOption(limit: string): string {
  return limit === '' ? '' : ` --limit-iface-${limit.trim().slice('limit-'.length)}`;
}
