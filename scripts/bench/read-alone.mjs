/** What no program in Node can go below: `node read-alone.mjs FILE` reads it in pieces of 1 MB, and no more. */
import { openSync, readSync } from 'node:fs';

const file = openSync(process.argv[2]);
const bytes = new Uint8Array(1 << 20);
while (readSync(file, bytes, 0, bytes.length, null) > 0);
