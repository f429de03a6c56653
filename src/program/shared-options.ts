/** Options that several commands have. */
import { type Command, Option } from 'commander';
import { GRADES, type Grade } from '../analysis/verdict.js';
import { positive, verdictList } from './arguments.js';

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

/** For nodes of a cluster: `kubectl:NODE`, and targets that are looked up there. */
export function withCluster(command: Command): Command {
  return command
    .option('--context <name>', 'of the kubectl configuration; else its current one')
    .option('--namespace <name>', "for pods of ours, on kubectl: nodes; else the context's")
    .option('--image <name>', 'of these pods: must have sh, sleep and nsenter')
    .option('--pod-timeout <seconds>', 'what such a pod gets to start (60)', positive);
}

/** For commands that run in the lab, which can be in a virtual machine with another kernel. */
export function withKernel(command: Command): Command {
  return command
    .option('--kernel <image>', 'run the lab under this kernel (bzImage, vmlinuz), in qemu')
    .option('--modules <folder>', "that kernel's /lib/modules/VERSION, if it is not beside it");
}
