/** The command line: names, options and help. What a command does is in `commands/`, loaded when it runs. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { GRADES, type Grade, VERDICTS, type VerdictName } from './analysis/verdict.js';
import { ENGINE_CHOICES, type EngineChoice } from './capture/engine.js';
import { exitCodeOfFault, messageOf, StalesumError } from './errors.js';
import { SCENARIOS } from './lab/scenarios.js';
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

type Finish = (exitCode: number) => void;

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
  program.addCommand(labCommand(finish));
  return program;
}

const EXIT_CODES = `
Exit codes: 0 examined and not affected, 1 stale or mangled checksum found, 2 inconclusive,
  64 usage, 65 unreadable input, 69 a tool or kernel feature is missing, 70 fault of stalesum,
  74 writing failed, 77 not permitted, 130 interrupted`;

function reproduceCommand(finish: Finish): Command {
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
  return withOutput(withPolicy(command))
    .option('--out <folder>', 'keep the recording: captures, snapshots, verdict.json')
    .addHelpText(
      'after',
      `
Examples:
  stalesum reproduce                                  the bug, live, in an embedded two-node lab
  stalesum reproduce --scenario kube-proxy-patched    the same with kube-proxy's rules since PR 92035
  stalesum reproduce --retransmits classic            the 63 s of the kernels of the bug's time
  stalesum reproduce --attempts 20                    twenty connections, the distribution of delays
  stalesum reproduce --scenario udp-dns               DNS queries, which nothing rescues
  stalesum reproduce --json --out evidence            for a script, with the captures kept

Scenarios:
${SCENARIOS.map(({ name, title }) => `  ${name.padEnd(29)} ${title}`).join('\n')}`,
    )
    .action(async options => {
      const { reproduce } = await import('./commands/reproduce.js');
      finish(await reproduce(options));
    });
}

function analyzeCommand(finish: Finish): Command {
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
      const { analyzePaths } = await import('./commands/analyze.js');
      finish(await analyzePaths(paths, options));
    });
}

function compareCommand(finish: Finish): Command {
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
      const { compare } = await import('./commands/compare.js');
      finish(await compare(a, b, options));
    });
}

function inspectCommand(finish: Finish): Command {
  const command = new Command('inspect')
    .description("no packets: walk a node's rules twice, and predict the verdict")
    .exitOverride()
    .option('--dir <folder>', 'saved files of a node; may be given several times', collect, [])
    .option('--node <node>', 'a node to ask: local, or netns:NAME')
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
  return withOutput(command)
    .addHelpText(
      'after',
      `
Examples:
  stalesum inspect --node local
  stalesum inspect --dir saved --target 10.96.0.10:53 --protocol udp
  stalesum inspect --dir saved --order iptables-nft-save.txt,nft-kube-proxy-tables.nft --json`,
    )
    .action(async options => {
      const { inspect } = await import('./commands/inspect.js');
      finish(await inspect(options));
    });
}

function labCommand(finish: Finish): Command {
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
      const { lab } = await import('./commands/lab.js');
      finish(await lab({ scenario: options.scenario, command }));
    });
}

function withOutput(command: Command): Command {
  return command
    .option('--json', 'the verdict document on stdout, alone', false)
    .option('--quiet', 'no progress on stderr', false)
    .option('--no-color', 'no colours (NO_COLOR is heeded too)');
}

function withPolicy(command: Command): Command {
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

function verdictList(text: string): VerdictName[] {
  const known: readonly string[] = VERDICTS;
  const names = text.split(',').map(name => name.trim());
  const wrong = names.find(name => !known.includes(name));
  if (wrong !== undefined) {
    throw new InvalidArgumentError(
      `"${wrong}" is no verdict; verdicts are ${VERDICTS.join(', ')}.`,
    );
  }
  return names as VerdictName[];
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError('expected a number of seconds above 0.');
  }
  return value;
}

function attempts(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1000) {
    throw new InvalidArgumentError('expected a whole number from 1 to 1000.');
  }
  return count;
}

function collectPort(text: string, ports: number[]): number[] {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new InvalidArgumentError('expected a port from 1 to 65535.');
  }
  return [...ports, port];
}

/** `10.96.0.10:53`, `[fd00::1]:53`. */
function endpoint(text: string): { address: string; port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\d.]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65535) {
    throw new InvalidArgumentError('expected an address and a port, as in 10.96.0.10:53.');
  }
  return { address: match[1] ?? match[2] ?? '', port };
}

function collect(value: string, values: string[]): string[] {
  return [...values, value];
}
