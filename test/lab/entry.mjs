// A command line for the tests of the lab, so that they do not depend on the whole program's:
//   node entry.mjs SCENARIO [COMMAND ARGS...]
import { lab } from '../../dist/commands/lab.js';
import { StalesumError } from '../../dist/errors.js';

const [scenario, ...command] = process.argv.slice(2);
try {
  process.exitCode = await lab({ scenario, command });
} catch (fault) {
  if (!(fault instanceof StalesumError)) throw fault;
  process.stderr.write(`stalesum: ${fault.message}\n`);
  if (fault.remedy !== undefined) process.stderr.write(`  ${fault.remedy}\n`);
  process.exitCode = fault.exitCode;
}
