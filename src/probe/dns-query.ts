/** A DNS query and its answer (RFC 1035), as small as they can be. */

/** `web.default.svc.cluster.local.`, type A, class IN, as it stands in a question. */
const QUESTION = [
  ...['web', 'default', 'svc', 'cluster', 'local'].flatMap(label => [
    label.length,
    ...Buffer.from(label),
  ]),
  0,
  ...[0, 1],
  ...[0, 1],
];

/** A query for the address of a service, recursion desired. */
export function query(id: number): Uint8Array {
  return Uint8Array.from([id >>> 8, id & 0xff, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, ...QUESTION]);
}

/** The answer to a query: its own bytes, with one A record of an address and a time to live of 5 s. */
export function answerTo(asked: Uint8Array, address: readonly number[]): Uint8Array {
  const [high = 0, low = 0] = asked;
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, ...address];
  return Uint8Array.from([high, low, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, ...QUESTION, ...record]);
}
