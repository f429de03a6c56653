/** Options and help of `stalesum compare`. */
import { Command, Option } from 'commander';
import { collectPort } from './arguments.js';
import { type Finish, withOutput } from './shared-options.js';

export function compareCommand(finish: Finish): Command {
  const command = new Command('compare')
    .description('two recordings or captures side by side: what changed, and whether it is a cure')
    .exitOverride()
    .argument('<a>', 'capture or folder from before')
    .argument('<b>', 'capture or folder from after')
    .addOption(
      new Option('--format <format>', 'terminal, or markdown for a ticket')
        .choices(['terminal', 'markdown', 'json'])
        .default('terminal'),
    )
    .option('--port <number>', 'a further UDP port taken for VXLAN', collectPort, []);
  return withOutput(command)
    .addHelpText(
      'after',
      `
Exit codes: 0 fixed or equal, 1 worse or still affected, 2 not comparable
Examples:
  stalesum compare before/ after/
  stalesum compare --format markdown before.pcap after.pcap`,
    )
    .action(async (a: string, b: string, options) => {
      const { compare } = await import('../commands/compare.js');
      finish(await compare(a, b, options));
    });
}
