/** Rules as people read them. */

const stripped = new Map<string, string>();
/** Rules that many packets meet are shown for each of them; past this we begin anew. */
const REMEMBERED = 10_000;

/** Without comments, handles and counters, which say nothing of what a rule does. */
export function stripVolatile(rule: string): string {
  const known = stripped.get(rule);
  if (known !== undefined) return known;
  const text = rule
    .replace(/ -m comment --comment ("(?:[^"\\]|\\.)*"|\S+)/g, '')
    .replace(/ ?counter packets \d+ bytes \d+/g, '')
    .replace(/ # handle \d+$/, '')
    .replace(/\s+/g, ' ')
    .trim();
  if (stripped.size >= REMEMBERED) stripped.clear();
  stripped.set(rule, text);
  return text;
}
