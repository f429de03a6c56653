/**
 * `npm run bench`: sets up what is missing (see setup.mjs), then measures on this machine
 *
 *   live       two interfaces in two namespaces at 100,000 packets a second each for 10 s: drops, CPU
 *   start      wall time of `stalesum --help`, and of `stalesum analyze` on a recording of 48 packets
 *
 * and prints the figures; `npm run -s bench -- --json` as one JSON document. Nothing here passes or fails
 * by a clock; exit 1 means that the live capture lost packets.
 */
import { start } from './setup/start.mjs';

start(() => import('./bench/main.mjs'));
