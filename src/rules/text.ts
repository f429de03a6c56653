/** Rules as people read them. */

const stripped = new Map<string, string>();
/** Rules that many packets meet are shown for each of them; past this we begin anew. */
const REMEMBERED = 10_000;

/** Without comments, handles and counters, which say nothing of what a rule does. */
export function stripVolatile(rule: string): string {
  const known = stripped.get(rule);
  if (known !== undefined) return known;
  const text = strip(rule);
  if (stripped.size >= REMEMBERED) stripped.clear();
  stripped.set(rule, text);
  return text;
}

/** Most rules have few of these, and each search by pattern costs. */
function strip(rule: string): string {
  let text = rule;
  if (text.includes(' -m comment --comment ')) {
    text = text.replace(/ -m comment --comment ("(?:[^"\\]|\\.)*"|\S+)/g, '');
  }
  if (text.includes('counter packets ')) {
    text = text.replace(/ ?counter packets \d+ bytes \d+/g, '');
  }
  if (text.includes(' # handle ')) text = text.replace(/ # handle \d+$/, '');
  if (/\s\s|[^\S ]/.test(text)) text = text.replace(/\s+/g, ' ');
  return text.trim();
}
