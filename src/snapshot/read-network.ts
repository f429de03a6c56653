/**
 * A node's network from `ip` and `bridge` as text or as JSON (`-j`), in any order and any number of files.
 */
import { parseIpJson } from './ip-json.js';
import { parseIpText } from './ip-text.js';
import type { Network } from './network.js';

/** Puts together what several files say; nothing is lost if they say it twice. */
export function parseNetwork(texts: readonly string[]): Network {
  const parts = texts.map(text => (/^\s*\[/.test(text) ? parseIpJson(text) : parseIpText(text)));
  return {
    vxlan: unique(
      parts.flatMap(({ vxlan }) => vxlan),
      ({ name }) => name,
    ),
    addresses: unique(
      parts.flatMap(({ addresses }) => addresses),
      ({ device, address }) => `${device} ${address}`,
    ),
    routes: unique(
      parts.flatMap(({ routes }) => routes),
      route => JSON.stringify(route),
    ),
    neighbours: new Map(parts.flatMap(({ neighbours }) => [...neighbours])),
    vteps: new Map(parts.flatMap(({ vteps }) => [...vteps])),
  };
}

/** The first of each, in order. */
function unique<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map([...items].reverse().map(item => [key(item), item])).values()].reverse();
}
