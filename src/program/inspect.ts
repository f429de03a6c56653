/** Options and help of `stalesum inspect`. */
import { Command, Option } from 'commander';
import { NODE_KINDS } from '../node/description.js';
import { collect, endpoint, verdictList } from './arguments.js';
import { type Finish, withCluster, withOutput } from './shared-options.js';

export function inspectCommand(finish: Finish): Command {
  const command = new Command('inspect')
    .description("no packets: walk a node's rules twice, and predict the verdict")
    .exitOverride()
    .option('--dir <folder>', 'saved files of a node; may be given several times', collect, [])
    .option('--node <node>', `a node to ask: ${NODE_KINDS}`)
    .option('--target <ip:port>', 'one destination; else every service on other nodes', endpoint)
    .addOption(new Option('--protocol <name>', 'of the connection').choices(['tcp', 'udp']))
    .addOption(
      new Option('--source <kind>', 'where it comes from')
        .choices(['host', 'pod', 'external'])
        .default('host'),
    )
    .addOption(
      new Option('--order <files>', 'the files in the order they were loaded, separated by commas')
        .default([], 'not known')
        .argParser(text => text.split(',')),
    )
    .addOption(
      new Option('--fail-on <verdicts>', 'verdicts that exit 1, separated by commas')
        .default([], 'none')
        .argParser(verdictList),
    );
  return withCluster(withOutput(command))
    .addHelpText(
      'after',
      `
Examples:
  stalesum inspect --node local
  stalesum inspect --node ssh:root@10.0.0.7 --target 10.96.0.10:53
  stalesum inspect --node kubectl:node-a --target 10.96.0.10:53
  stalesum inspect --dir saved --target 10.96.0.10:53 --protocol udp
  stalesum inspect --dir saved --order iptables-nft-save.txt,nft-kube-proxy-tables.nft --json`,
    )
    .action(async options => {
      const { inspect } = await import('../commands/inspect.js');
      finish(await inspect(options));
    });
}
