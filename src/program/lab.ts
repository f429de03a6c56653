/** Options and help of `stalesum lab`. */
import { Command } from 'commander';
import type { Finish } from './shared-options.js';

export function labCommand(finish: Finish): Command {
  return new Command('lab')
    .description("a shell, or COMMAND, on the lab's node A, to look around")
    .exitOverride()
    .option('--scenario <name>', 'what the lab is to show', 'unpatched')
    .argument('[command...]', 'after --: what to run instead of a shell')
    .addHelpText(
      'after',
      `
Examples:
  stalesum lab
  stalesum lab -- iptables-save -t nat
  stalesum lab --scenario kube-proxy-patched -- ip -d link show flannel.1`,
    )
    .action(async (command: string[], options: { scenario: string }) => {
      const { lab } = await import('../commands/lab.js');
      finish(await lab({ scenario: options.scenario, command }));
    });
}
