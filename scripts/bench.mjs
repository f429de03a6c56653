/**
 * `npm run bench`: sets up what is missing (see setup.mjs), then measures on this machine
 *
 *   offline    captures of a million packets, made from a seed, whose checksums are known: stalesum beside a
 *              C program that does the sums alone, tcpdump -vv, capinfos and tshark, several times in turn;
 *              all counts are compared with the known ones. What a second core brings. Peak memory of 8 GB
 *              through standard input, and of a million flows
 *   start      wall time of `stalesum --help`, of `stalesum analyze` on a capture of some packets, and of node
 *   live       two interfaces in two namespaces at 100,000 packets a second each for 10 s: drops, CPU
 *   watch      `stalesum watch` on two interfaces at 100,000 datagrams a second each for 30 s: without checksums,
 *              with one stale in a hundred, and with right checksums throughout: what it finds, CPU, memory
 *
 * and prints the figures; `npm run -s bench -- --json` as one JSON document. `--only offline` is one part (it
 * may be given several times), `--packets`, `--rounds` and `--seed` change the first. What a machine lacks
 * (a C compiler, tshark) is left out. Nothing here passes or fails by a clock; exit 1 means that a count
 * was wrong, or that the live capture or the watch lost packets.
 */
import { start } from './setup/start.mjs';

start(() => import('./bench/main.mjs'));
