/**
 * Protocol counters, by the names that `nstat` gives them (`UdpInCsumErrors`).
 *
 * Read from `/proc/net/snmp`, `snmp6` and `netstat` of a namespace; `nstat` itself is not run: it
 * keeps a history file, and fails for an ordinary user.
 */

export type Counters = ReadonlyMap<string, number>;

/** `nstat -az` as people save it: `Name   value   rate`, with `#` comments. */
export function parseNstat(text: string): Counters {
  const counters = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z]\w+)\s+(\d+)\b/.exec(line);
    if (match) counters.set(match[1] ?? '', Number(match[2]));
  }
  return counters;
}

/** `/proc/net/snmp` or `/proc/net/netstat`: pairs of lines, names and then values, with a prefix. */
export function parseSnmp(text: string): Counters {
  const counters = new Map<string, number>();
  const lines = text.split('\n').filter(line => line.includes(':'));
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const [prefix = '', ...names] = (lines[i] ?? '').split(/\s+/);
    const [, ...values] = (lines[i + 1] ?? '').split(/\s+/);
    for (const [index, name] of names.entries()) {
      const value = Number(values[index]);
      if (name !== '' && Number.isFinite(value))
        counters.set(prefix.replace(/:$/, '') + name, value);
    }
  }
  return counters;
}

/** `/proc/net/snmp6`: one `Name value` a line. */
export function parseSnmp6(text: string): Counters {
  return parseNstat(text);
}

/** The same form as a saved `nstat`, so that a recording has one format whoever made it. */
export function formatNstat(counters: Counters): string {
  return [...counters].map(([name, value]) => `${name.padEnd(31)} ${value}\n`).join('');
}

/** How much a counter grew; `undefined` if either reading lacks it. */
export function growth(before: Counters, after: Counters, name: string): number | undefined {
  const from = before.get(name);
  const to = after.get(name);
  return from === undefined || to === undefined ? undefined : to - from;
}
