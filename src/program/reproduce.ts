/** Options and help of `stalesum reproduce`. */
import { Command, Option } from 'commander';
import { ENGINE_CHOICES, type EngineChoice } from '../capture/engine.js';
import { TARGET_FORMS } from '../harness/target.js';
import type { Scenario } from '../lab/scenario.js';
import { NODE_KINDS } from '../node/description.js';
import { attempts, positive } from './arguments.js';
import { type Finish, withCluster, withKernel, withOutput, withPolicy } from './shared-options.js';

/** @param scenarios for its help: loading them takes longer than the rest of `stalesum --help` */
export function reproduceCommand(finish: Finish, scenarios: readonly Scenario[]): Command {
  const command = new Command('reproduce')
    .description('the main job: connect across a VXLAN, capture, and prove what happened')
    .exitOverride()
    .option('--scenario <name>', 'what the embedded lab is to show', 'unpatched')
    .option('--attempts <number>', 'connections at once, each a flow of its own', attempts)
    .addOption(
      new Option(
        '--protocol <protocol>',
        "tcp, or udp: DNS queries; default is the scenario's",
      ).choices(['tcp', 'udp']),
    )
    .addOption(
      new Option(
        '--retransmits <timing>',
        'kernel: as this kernel times SYNs; classic: 1, 3, 7, 15, 31, 63 s from one port',
      )
        .choices(['kernel', 'classic'])
        .default('kernel'),
    )
    .option('--tap', 'capture the datagrams in front of NAT as well (NFLOG)', false)
    .option('--timeout <seconds>', 'give up connecting after so long', positive)
    .addOption(
      new Option('--engine <name>', 'what captures; auto: ring where it can, else tcpdump')
        .choices(ENGINE_CHOICES)
        .default('auto' satisfies EngineChoice),
    )
    .option('--as-expected', 'exit 0 when the scenario shows what it must show, else 1', false);
  return withKernel(withOutput(withPolicy(withCluster(withNodes(command)))))
    .option('--out <path>', 'keep the evidence: a folder, or an archive (.tar.gz, .tgz)')
    .option('--keep-payload', 'write payload to the captures as well, instead of zeros', false)
    .addHelpText(
      'after',
      `
Examples:
  stalesum reproduce                                  the bug, live, in an embedded two-node lab
  stalesum reproduce --scenario kube-proxy-patched    the same with kube-proxy's rules since PR 92035
  stalesum reproduce --retransmits classic            the 63 s of the kernels of the bug's time
  stalesum reproduce --attempts 20                    twenty connections, the distribution of delays
  stalesum reproduce --scenario udp-dns               DNS queries, which nothing rescues
  stalesum reproduce --json --out evidence            for a script, with the evidence kept
  stalesum reproduce --out evidence.tar.gz            the same as one file, for the ticket
  stalesum reproduce --from ssh:root@10.0.0.7 --to ssh:root@10.0.0.8 --target 10.96.0.10:80
  stalesum reproduce --target svc/default/web:80      on a cluster: kubectl finds two nodes that serve
  stalesum reproduce --deploy-target                  the same with a listener and a service of its own
  stalesum reproduce --from kubectl:node-a --to kubectl:node-b --target svc/kube-system/kube-dns:dns --protocol udp
  stalesum reproduce --kernel /boot/vmlinuz-6.1.0-56-amd64    the same under that kernel, in qemu

Nodes: ${NODE_KINDS}

Scenarios:
${scenarios.map(({ name, title }) => `  ${name.padEnd(29)} ${title}`).join('\n')}
  Most of them also as NAME-ipv6: the same over an IPv6 underlay.`,
    )
    .action(async options => {
      const { reproduce } = await import('../commands/reproduce.js');
      finish(await reproduce(options));
    });
}

/** Real nodes instead of the lab's. */
function withNodes(command: Command): Command {
  const notForLab = ['scenario', 'retransmits', 'tap', 'asExpected', 'kernel'];
  return command
    .addOption(
      new Option('--from <node>', 'the node that connects, instead of the lab').conflicts(
        notForLab,
      ),
    )
    .addOption(new Option('--to <node>', 'the node that the endpoint is on').conflicts(notForLab))
    .addOption(
      new Option('--target <target>', `what to connect to: ${TARGET_FORMS}`).conflicts(notForLab),
    )
    .addOption(
      new Option('--deploy-target', 'make a listener and a service in the cluster for the run')
        .default(false)
        .conflicts(notForLab),
    )
    .option(
      '--expose-veth-loss',
      "where the underlay's veth links hide losses (kind): turn their tx offload off for the run",
      false,
    );
}
