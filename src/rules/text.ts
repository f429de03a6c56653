/** Rules as people read them. */

/** Without comments, handles and counters, which say nothing of what a rule does. */
export function stripVolatile(rule: string): string {
  return rule
    .replace(/ -m comment --comment ("(?:[^"\\]|\\.)*"|\S+)/g, '')
    .replace(/ ?counter packets \d+ bytes \d+/g, '')
    .replace(/ # handle \d+$/, '')
    .replace(/\s+/g, ' ')
    .trim();
}
