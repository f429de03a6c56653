/**
 * `npm run reproduce`: sets up what is missing (see setup.mjs) and shows the bug in a lab on this machine.
 *
 * Exits 0 when the lab showed what its scenario must show, so that `&&` works (`stalesum reproduce` itself exits
 * by the verdict); otherwise with the code that stalesum ends with. For scripts: `npm run -s reproduce -- --json`.
 *
 * Where namespaces are forbidden (exit 77) it shows, for the default scenario, the analysis of a recording of the
 * same run on a real kernel instead, and still exits 77. All of that goes to stderr: stdout has only what was
 * measured on this machine, so a redirected report cannot be mistaken for a live one. With --json the recording
 * is not analysed, only named with the command that does it.
 */
import { start } from './setup/start.mjs';

start(() => import('./reproduce/main.mjs'));
