/** What `npm run setup` does: see the head of ../setup.mjs. */
import { cloneRoot } from './clone.mjs';
import { setUp } from './set-up.mjs';

export async function main() {
  const missing = await setUp({ root: cloneRoot, purpose: 'tests', whenMissing: 'go-on' });
  return missing.length === 0 ? 0 : 69;
}
