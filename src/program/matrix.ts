/** Options and help of `stalesum matrix`. */
import { Command, Option } from 'commander';
import { type Finish, withKernel, withOutput } from './shared-options.js';

export function matrixCommand(finish: Finish): Command {
  const command = new Command('matrix')
    .description('every scenario and every mitigation, measured in labs, prediction next to it')
    .exitOverride()
    .addOption(
      new Option('--only <names>', 'these scenarios alone, separated by commas')
        .default([], 'all')
        .argParser(text => text.split(',').map(name => name.trim())),
    )
    .addOption(
      new Option(
        '--retransmits <timing>',
        'kernel: as this kernel times SYNs; classic: 1, 3, 7, 15, 31, 63 s from one port',
      )
        .choices(['kernel', 'classic'])
        .default('kernel'),
    )
    .addOption(
      new Option('--format <format>', 'terminal, markdown for a ticket, html for one file, or json')
        .choices(['terminal', 'markdown', 'html', 'json'])
        .default('terminal'),
    )
    .option('--out <folder>', 'keep it: each recording as NAME-PROTOCOL, and the matrix itself');
  return withKernel(withOutput(command))
    .addHelpText(
      'after',
      `
Exit codes: 0 every row as predicted, 1 prediction and measurement differ in a row, 2 a row is open:
  not measured, or one of the two does not commit itself
Examples:
  stalesum matrix                                     all of it; a minute or two
  stalesum matrix --only unpatched,vxlan-tx-offload-off,nic-offload-off
  stalesum matrix --only notrack,notrack-ipv6         the same over an IPv6 underlay
  stalesum matrix --retransmits classic               the 63 s of the kernels of the bug's time
  stalesum matrix --format html > matrix.html
  stalesum matrix --kernel /boot/vmlinuz-6.1.0-56-amd64    of that kernel, in qemu`,
    )
    .action(async options => {
      const { matrix } = await import('../commands/matrix.js');
      finish(await matrix(options));
    });
}
