/** What the analysis of the original knows of each outer source port, for its checksums in the copy. */
import { examineInput } from '../../analysis/analyze.js';
import type { AnalysisInput } from '../../analysis/input.js';
import { addressWords, formatEndpoint } from '../../wire/address.js';
import type { AddressChange } from '../../wire/port-recovery.js';
import { formatIp } from './address-bytes.js';
import type { AddressMap } from './address-map.js';
import type { PortRewrite } from './checksums.js';
import type { FrameRedaction } from './packet.js';

/** Looks rewrites up by the outer source address and port that stand in the original. */
export function portRewrites(
  input: AnalysisInput,
  addresses: AddressMap,
): FrameRedaction['portRewrite'] {
  const rewrites = new Map<string, PortRewrite>();
  for (const { ports } of examineInput(input)) {
    for (const { use, state, change } of ports) {
      if (state !== 'stale' && state !== 'mangled' && state !== 'invalid') continue;
      const key = formatEndpoint(use.source, use.sourcePort);
      // A port that one connection convicts is not acquitted by another.
      if (state === 'invalid' && rewrites.has(key)) continue;
      rewrites.set(key, { state, change: change && moved(change, addresses) });
    }
  }
  return (source, sourcePort) => rewrites.get(formatEndpoint(formatIp(source), sourcePort));
}

function moved(original: AddressChange, addresses: AddressMap): PortRewrite['change'] {
  const mapped = (words: readonly number[]) => {
    const address = Uint8Array.from(words.flatMap(word => [word >> 8, word & 0xff]));
    return addressWords(formatIp(addresses.ip(address)))!;
  };
  return { original, copy: { before: mapped(original.before), after: mapped(original.after) } };
}
