/** SHA-256, of which most runs make none: node:crypto takes longer to load than a small capture to read. */
import type { Hash } from 'node:crypto';

export function newSha256(): Hash {
  return process.getBuiltinModule('node:crypto').createHash('sha256');
}
