/** What no program in Node can go below: `node read-alone.mjs FILE` reads it in pieces of 1 MB, and no more. */
import { openSync, readSync } from 'node:fs';

/** As sums.c does: large reads to the begin of a page are five times slower on some processors. */
const OFFSET_IN_PAGE = 64;
const LENGTH = 1 << 20;

const file = openSync(process.argv[2]);
const bytes = new Uint8Array(OFFSET_IN_PAGE + LENGTH);
while (readSync(file, bytes, OFFSET_IN_PAGE, LENGTH, null) > 0);
