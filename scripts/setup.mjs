/**
 * `npm run setup`: everything that this clone needs, and nothing twice.
 *
 *   1. the system tools (setup/tools.mjs): installed with apt-get where we are root and there is one,
 *      otherwise named, with the command line for apt, dnf, apk and pacman
 *   2. `npm ci`, when package-lock.json, Node or the platform changed (setup/dependencies.mjs)
 *   3. the build into dist/, when a source changed (setup/build.mjs)
 *
 * `npm run reproduce` and `npm test` begin with the same steps, so each works as the first command in a
 * fresh clone. When nothing is to be done, which is decided by stamps, none of this says anything.
 * Messages go to stderr only: stdout belongs to the command that follows (`npm run -s reproduce -- --json`).
 *
 * When a tool is missing and cannot be installed:
 *   - `npm run reproduce` stops at once with exit 69, because the lab cannot be built. (It does not look
 *     when `--from` or `--to` names nodes: those have tools of their own.)
 *   - `npm test` prints the list and goes on: most tests need only Node, and those that need the tool skip
 *     and give the reason. Under STALESUM_REQUIRE_LIVE=1, where such a skip would be a failure, it stops with 69.
 *   - `npm run setup` does the other steps, since `stalesum analyze` needs no tool, and then exits 69.
 *
 * Exit codes: 0; 69 Node, a tool or a registry is missing; 70 the build failed; 77 the clone may not be
 * written to; 128 + N after signal N.
 */
import { start } from './setup/start.mjs';

start(() => import('./setup/main.mjs'));
