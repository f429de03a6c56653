/** Options and help of `stalesum analyze`. */
import { Command } from 'commander';
import { collect, collectPort } from './arguments.js';
import { type Finish, withOutput, withPolicy } from './shared-options.js';

export function analyzeCommand(finish: Finish): Command {
  const command = new Command('analyze')
    .description('the same verdict from saved captures, or from the folder of a recording')
    .exitOverride()
    .argument('[path...]', 'captures (pcap, pcapng, .gz, rotated sets, - for stdin) or folders')
    .option('--overlay <file>', 'capture of the VXLAN device at the sender', collect, [])
    .option('--underlay <file>', 'capture of the NIC at the sender', collect, [])
    .option('--peer-underlay <file>', 'capture of the NIC at the receiver', collect, [])
    .option('--peer-overlay <file>', 'capture of the VXLAN device at the receiver', collect, [])
    .option('--port <number>', 'a further UDP port taken for VXLAN', collectPort, []);
  return withOutput(withPolicy(command))
    .addHelpText(
      'after',
      `
Examples:
  stalesum analyze captures/linux-5.4.33/udpcsum-fixed-port
  stalesum analyze node-a-eth0.pcap node-a-flannel.pcap node-b-eth0.pcap
  tcpdump -i eth0 -s 0 -w - udp port 8472 | stalesum analyze -`,
    )
    .action(async (paths: string[], options) => {
      const { analyzePaths } = await import('../commands/analyze.js');
      finish(await analyzePaths(paths, options));
    });
}
