/**
 * The command line. The options and help of each command are in `program/`; what it does is in
 * `commands/`, loaded when it runs.
 */
import { basename } from 'node:path';
import { Command, CommanderError } from 'commander';
import { exitCodeOfFault, messageOf, StalesumError } from './errors.js';
import type { Finish } from './program/shared-options.js';
import { TOOL } from './version.js';

/** Runs the command line; returns the exit code. Faults are printed here, as one or two lines. */
export async function main(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  try {
    const program = await build(args, code => {
      exitCode = code;
    });
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

/** In the order of the help. Loading them takes longer than anything else that `--help` does. */
const COMMANDS: Readonly<
  Record<string, (namesReproduce: boolean) => Promise<(finish: Finish) => Command>>
> = {
  reproduce: async namesReproduce => {
    const { reproduceCommand } = await import('./program/reproduce.js');
    const scenarios = namesReproduce ? (await import('./lab/scenarios.js')).SCENARIOS : [];
    return finish => reproduceCommand(finish, scenarios);
  },
  analyze: async () => (await import('./program/analyze.js')).analyzeCommand,
  compare: async () => (await import('./program/compare.js')).compareCommand,
  inspect: async () => (await import('./program/inspect.js')).inspectCommand,
  report: async () => (await import('./program/report.js')).reportCommand,
  matrix: async () => (await import('./program/matrix.js')).matrixCommand,
  watch: async () => (await import('./program/watch.js')).watchCommand,
  redact: async () => (await import('./program/redact.js')).redactCommand,
  lab: async () => (await import('./program/lab.js')).labCommand,
};

/** The program with the command that is called, or with all where none is. */
async function build(args: readonly string[], finish: Finish): Promise<Command> {
  const program = new Command(calledAs(process.argv[1]))
    .description(
      'Reproduces and proves the Kubernetes VXLAN double-SNAT bug: an outer UDP source port that was ' +
        'rewritten a second time under a stale checksum.',
    )
    .version(TOOL.version, '--version', 'print the version')
    .exitOverride()
    .showHelpAfterError('(stalesum --help lists commands and options)')
    .addHelpText('after', EXIT_CODES);
  const [name = ''] = args;
  const called = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]!] : Object.values(COMMANDS);
  const commands = await Promise.all(called.map(load => load(args.includes('reproduce'))));
  for (const command of commands) program.addCommand(command(finish));
  return program;
}

/** As the user calls it: kubectl runs `kubectl-stalesum` for `kubectl stalesum`. */
function calledAs(path = ''): string {
  return basename(path) === 'kubectl-stalesum' ? 'kubectl stalesum' : TOOL.name;
}

const EXIT_CODES = `
Exit codes: 0 examined and not affected, 1 stale or mangled checksum found, 2 inconclusive,
  64 usage, 65 unreadable input, 69 a tool or kernel feature is missing, 70 fault of stalesum,
  74 writing failed, 77 not permitted, 130 interrupted`;
