/**
 * `npm test`: sets up what is missing (see setup.mjs), then runs vitest with the arguments given
 * (`npm test -- test/wire`, `npm test -- --project unit`), and passes on its exit code.
 *
 * Tests that need a tool or a permission which is not there skip and say why. STALESUM_REQUIRE_LIVE=1, for machines
 * where all of it must work, makes such a skip in the projects `cli`, `live` and `guest` a failure.
 */
import { start } from './setup/start.mjs';

start(() => import('./test/main.mjs'));
