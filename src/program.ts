/**
 * The command line. The options and help of each command are in `program/`; what it does is in
 * `commands/`, loaded when it runs.
 */
import { Command, CommanderError } from 'commander';
import { exitCodeOfFault, messageOf, StalesumError } from './errors.js';
import { analyzeCommand } from './program/analyze.js';
import { compareCommand } from './program/compare.js';
import { inspectCommand } from './program/inspect.js';
import { labCommand } from './program/lab.js';
import { matrixCommand } from './program/matrix.js';
import { redactCommand } from './program/redact.js';
import { reportCommand } from './program/report.js';
import { reproduceCommand } from './program/reproduce.js';
import type { Finish } from './program/shared-options.js';
import { TOOL } from './version.js';

/** Runs the command line; returns the exit code. Faults are printed here, as one or two lines. */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = build(code => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    return report(thrown);
  }
}

function report(thrown: unknown): number {
  if (thrown instanceof CommanderError) {
    return thrown.exitCode === 0 ? 0 : exitCodeOfFault.usage;
  }
  const known = thrown instanceof StalesumError;
  const prefix = known ? '' : 'fault of stalesum: ';
  process.stderr.write(`stalesum: ${prefix}${messageOf(thrown)}\n`);
  if (known && thrown.remedy) process.stderr.write(`  ${thrown.remedy}\n`);
  const trace = process.env.STALESUM_TRACE;
  if (trace && thrown instanceof Error) process.stderr.write(`${thrown.stack}\n`);
  else if (!known) process.stderr.write('  STALESUM_TRACE=1 shows the trace; please report it\n');
  return known ? thrown.exitCode : exitCodeOfFault.internal;
}

function build(finish: Finish): Command {
  const program = new Command(TOOL.name)
    .description(
      'Reproduces and proves the Kubernetes VXLAN double-SNAT bug: an outer UDP source port that was\n' +
        'rewritten a second time under a stale checksum.',
    )
    .version(TOOL.version, '--version', 'print the version')
    .exitOverride()
    .showHelpAfterError('(stalesum --help lists commands and options)')
    .addHelpText('after', EXIT_CODES);
  program.addCommand(reproduceCommand(finish));
  program.addCommand(analyzeCommand(finish));
  program.addCommand(compareCommand(finish));
  program.addCommand(inspectCommand(finish));
  program.addCommand(reportCommand(finish));
  program.addCommand(matrixCommand(finish));
  program.addCommand(redactCommand(finish));
  program.addCommand(labCommand(finish));
  return program;
}

const EXIT_CODES = `
Exit codes: 0 examined and not affected, 1 stale or mangled checksum found, 2 inconclusive,
  64 usage, 65 unreadable input, 69 a tool or kernel feature is missing, 70 fault of stalesum,
  74 writing failed, 77 not permitted, 130 interrupted`;
