/** Options that several commands have. */
import { type Command, Option } from 'commander';
import { GRADES, type Grade } from '../analysis/verdict.js';
import { verdictList } from './arguments.js';

/** What a command calls with its exit code. */
export type Finish = (exitCode: number) => void;

export function withOutput(command: Command): Command {
  return command
    .option('--json', 'the verdict document on stdout, alone', false)
    .option('--quiet', 'no progress on stderr', false)
    .option('--no-color', 'no colours (NO_COLOR is heeded too)');
}

export function withPolicy(command: Command): Command {
  return command
    .addOption(
      new Option('--fail-on <verdicts>', 'verdicts that exit 1, separated by commas')
        .default(['stale-checksum', 'mangled-checksum'], 'stale-checksum,mangled-checksum')
        .argParser(verdictList),
    )
    .addOption(
      new Option('--min-grade <grade>', 'a conviction below this grade exits 2')
        .choices(GRADES)
        .default('none' satisfies Grade),
    );
}

/** For commands that run in the lab, which can be in a virtual machine with another kernel. */
export function withKernel(command: Command): Command {
  return command
    .option('--kernel <image>', 'run the lab under this kernel (bzImage, vmlinuz), in qemu')
    .option('--modules <folder>', "that kernel's /lib/modules/VERSION, if it is not beside it");
}
