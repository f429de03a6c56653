/** The targets of iptables (`-j NAME ...`) as statements, after net/netfilter/xt_*.c. */
import { canonicalAddress } from './address.js';
import { ruleFault } from './fault.js';
import type { RuleContext } from './iptables-conditions.js';
import { firstValue, type Option, optionText } from './iptables-words.js';
import type { Endpoints, MarkExpression, Statement } from './model.js';
import { invert, parseMask, parseNumber, parsePorts } from './numbers.js';

const ALL_BITS = 0xffffffff;

/** Targets that change nothing that a mark, an address, a port or a checksum's fate hangs on. */
const HARMLESS: ReadonlySet<string> = new Set([
  'LOG',
  'NFLOG',
  'ULOG',
  'TRACE',
  'AUDIT',
  'TCPMSS',
  'TCPOPTSTRIP',
  'CHECKSUM',
  'DSCP',
  'TOS',
  'TTL',
  'HL',
  'ECN',
  'CLASSIFY',
  'SET',
  'RATEEST',
  'IDLETIMER',
  'LED',
  'SECMARK',
  'CONNSECMARK',
  'TEE',
]);

/** The statement of a target. Chains and unknown extensions both come out as a jump by name. */
export function compileTarget(
  name: string,
  options: readonly Option[],
  goto: boolean,
  at: RuleContext,
): Statement {
  if (goto) return { kind: 'verdict', verdict: { kind: 'goto', chain: name } };
  switch (name) {
    case 'ACCEPT':
      return { kind: 'verdict', verdict: { kind: 'accept' } };
    case 'DROP':
      return { kind: 'verdict', verdict: { kind: 'drop' } };
    case 'REJECT':
      return { kind: 'verdict', verdict: { kind: 'reject' } };
    case 'RETURN':
      return { kind: 'verdict', verdict: { kind: 'return' } };
    case 'QUEUE':
    case 'NFQUEUE':
      return { kind: 'verdict', verdict: { kind: 'queue' } };
    case 'MARK':
      return setMark('mark', options, at);
    case 'CONNMARK':
      return connectionMark(options, at);
    case 'MASQUERADE':
      return { kind: 'masquerade', ports: toPorts(options, at), random: isRandom(options) };
    case 'SNAT':
      return nat('source', '--to-source', options, at);
    case 'DNAT':
      return nat('destination', '--to-destination', options, at);
    case 'REDIRECT':
      return { kind: 'redirect', ports: toPorts(options, at) };
    case 'NETMAP':
      return unknownTarget(name, options);
    case 'NOTRACK':
      return { kind: 'notrack' };
    case 'CT':
      return options.some(option => option.name === '--notrack')
        ? { kind: 'notrack' }
        : { kind: 'harmless', text: 'CT' };
    default:
      if (HARMLESS.has(name)) return { kind: 'harmless', text: name };
      // Options are a target's; a chain has none.
      if (options.length > 0) return unknownTarget(name, options);
      return { kind: 'verdict', verdict: { kind: 'jump', chain: name } };
  }
}

function unknownTarget(name: string, options: readonly Option[]): Statement {
  return { kind: 'unknown', text: ['target', name, ...options.map(optionText)].join(' ') };
}

/**
 * xt_MARK: `mark = (mark & ~mask) ^ value`. `--xor-mark V` is `--set-xmark V/0`, `--or-mark V` is
 * `V/V`, `--and-mark V` is `0/~V`, and `--set-mark V/M` is `V/(V|M)` (libxt_MARK.c).
 */
function setMark(field: 'mark' | 'ctMark', options: readonly Option[], at: RuleContext): Statement {
  const [option] = options;
  if (!option) throw ruleFault(at.file, at.line, 'expected --set-xmark behind the target');
  const parsed = parseMask(firstValue(option, at));
  if (!parsed) {
    throw ruleFault(
      at.file,
      at.line,
      `expected a mark after ${option.name}, found "${option.values[0]}"`,
    );
  }
  const { value, mask } = parsed;
  const xmark = (v: number, m: number): Statement => ({
    kind: 'set-mark',
    field,
    value: { constant: v, terms: [{ field, mask: invert(m) }] },
  });
  switch (option.name) {
    case '--set-xmark':
      return xmark(value, mask);
    case '--set-mark':
      return xmark(value, (value | mask) >>> 0);
    case '--xor-mark':
      return xmark(value, 0);
    case '--or-mark':
      return xmark(value, value);
    case '--and-mark':
      return xmark(0, invert(value));
    default:
      return { kind: 'unknown', text: optionText(option) };
  }
}

/** xt_CONNMARK: save `ct = (ct & ~ctmask) ^ (mark & nfmask)`, restore the other way round. */
function connectionMark(options: readonly Option[], at: RuleContext): Statement {
  const named = (name: string) => options.find(option => option.name === name);
  const mask = (name: string) => {
    const option = named(name) ?? named('--mask');
    return option ? parseNumber(firstValue(option, at)) : ALL_BITS;
  };
  const [nfmask, ctmask] = [mask('--nfmask'), mask('--ctmask')];
  const shifted = named('--left-shift-mark') ?? named('--right-shift-mark');
  if (shifted || nfmask === undefined || ctmask === undefined) {
    return unknownTarget('CONNMARK', options);
  }
  const copy = (to: 'mark' | 'ctMark', keep: number, take: number): Statement => {
    const from = to === 'mark' ? 'ctMark' : 'mark';
    const value: MarkExpression = {
      constant: 0,
      terms: [
        { field: to, mask: invert(keep) },
        { field: from, mask: take },
      ],
    };
    return { kind: 'set-mark', field: to, value };
  };
  if (named('--save-mark')) return copy('ctMark', ctmask, nfmask);
  if (named('--restore-mark')) return copy('mark', nfmask, ctmask);
  return setMark('ctMark', options, at);
}

function isRandom(options: readonly Option[]): boolean {
  return options.some(({ name }) => name === '--random' || name === '--random-fully');
}

function toPorts(options: readonly Option[], at: RuleContext) {
  const option = options.find(({ name }) => name === '--to-ports');
  if (!option) return null;
  const ports = parsePorts(firstValue(option, at), '-');
  if (ports) return ports;
  throw ruleFault(at.file, at.line, `expected ports after --to-ports, found "${option.values[0]}"`);
}

function nat(
  side: 'source' | 'destination',
  name: string,
  options: readonly Option[],
  at: RuleContext,
): Statement {
  const option = options.find(candidate => candidate.name === name);
  if (!option) throw ruleFault(at.file, at.line, `expected ${name} behind the target`);
  const text = firstValue(option, at);
  const target = parseEndpoints(text);
  return {
    kind: 'nat',
    side,
    to: target ? { kind: 'fixed', target } : { kind: 'unknown', text: optionText(option) },
    random: isRandom(options),
  };
}

/** `10.0.0.1`, `10.0.0.1-10.0.0.9:80-90`, `[fd00::1]:80`, `:80`; `undefined` for anything else. */
export function parseEndpoints(text: string): Endpoints | undefined {
  const match =
    /^(?:\[([^\]]*)\](?::([\d-]+))?|([\d.]+(?:-[\d.]+)?)?(?::([\d-]+))?|([0-9a-f:.]+(?:-[0-9a-f:.]+)?))$/i.exec(
      text,
    );
  if (!match) return undefined;
  const [, bracketed, bracketedPorts, ipv4, ipv4Ports, ipv6] = match;
  const addressPart = bracketed ?? ipv4 ?? ipv6;
  const portPart = bracketedPorts ?? ipv4Ports;
  const ports = portPart === undefined ? null : parsePorts(portPart, '-');
  if (ports === undefined) return undefined;
  if (addressPart === undefined) return ports === null ? undefined : { addresses: null, ports };
  const [first = '', last = first] = addressPart.split('-');
  const [low, high] = [canonicalAddress(first), canonicalAddress(last)];
  return low === undefined || high === undefined ? undefined : { addresses: [low, high], ports };
}
