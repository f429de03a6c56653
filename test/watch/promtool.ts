/** Where promtool is: the set-up unpacks it from Debian's package, or the machine has it. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const UNPACKED = fileURLToPath(
  new URL('../../node_modules/.cache/stalesum-prometheus/usr/bin/promtool', import.meta.url),
);

const places = [
  ...(process.env.PATH ?? '').split(delimiter).map(folder => join(folder, 'promtool')),
  UNPACKED,
];

export const promtool: string | undefined = places.find(path => existsSync(path));

/** For the names of tests that are skipped. */
export const withoutPromtool = promtool === undefined ? '(skipped: no promtool here)' : '';

if (promtool === undefined && process.env.STALESUM_REQUIRE_LIVE === '1') {
  throw new Error('there is no promtool; npm test fetches it where apt-get can');
}
