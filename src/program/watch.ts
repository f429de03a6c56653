/** Options and help of `stalesum watch`. */
import { isIP } from 'node:net';
import { Command, InvalidArgumentError, Option } from 'commander';
import { SPARSEST_SAMPLE } from '../capture/filter.js';
import { collectPort, positive } from './arguments.js';
import type { Finish } from './shared-options.js';

export function watchCommand(finish: Finish): Command {
  return new Command('watch')
    .description('long-running: report each flow with a stale checksum on a live NIC')
    .exitOverride()
    .argument('[interface...]', "the underlay's interfaces; none: those of the default routes")
    .option('--port <number>', 'a further UDP port of a tunnel; may be repeated', collectPort, [])
    .addOption(
      new Option('--metrics <address>', 'serve metrics for Prometheus at [HOST:]PORT').argParser(
        metricsAddress,
      ),
    )
    .option('--evidence <folder>', 'keep the frames that convict there, as pcapng without payload')
    .addOption(
      new Option('--evidence-size <megabytes>', 'what they may take together; the oldest go')
        .default(100)
        .argParser(megabytes),
    )
    .option('--duration <seconds>', 'end after so long; default is to go on', duration)
    .addOption(
      new Option(
        '--sample <rate>',
        'where tunnels use checksums: auto, or one in RATE of the datagrams that begin no connection',
      )
        .default('auto')
        .argParser(sampleRate),
    )
    .option('--node <node>', 'another network namespace: netns:NAME or pid:PID', 'local')
    .option('--json', 'one JSON document a line on stdout', false)
    .option('--quiet', 'no progress on stderr', false)
    .option('--no-color', 'no colours (NO_COLOR is heeded too)')
    .addHelpText(
      'after',
      `
Examples:
  stalesum watch eth0                                   until Ctrl-C; needs CAP_NET_RAW
  stalesum watch                                        the interfaces of the default routes
  stalesum watch eth0 eth1 --json --duration 3600       for a script
  stalesum watch --metrics 9472 --evidence /var/lib/stalesum
  stalesum watch eth0 --node pid:4242                   in the network namespace of that process

Ends with 0 on SIGINT, SIGTERM or after --duration, whatever was found.`,
    )
    .action(async (interfaces: string[], options) => {
      const { watchInterfaces } = await import('../commands/watch.js');
      finish(await watchInterfaces(interfaces, options));
    });
}

/**
 * `9472`, `0.0.0.0:9472`, `[::1]:9472`, and `::1:9472` as a template makes it: the port is never left out.
 * Without a host the loopback.
 */
export function metricsAddress(text: string): { host: string; port: number } {
  const [, given, digits = ''] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? [];
  const host = given?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1';
  const isHost = isIP(host) !== 0 || /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host);
  if (digits === '' || Number(digits) > 65535 || !isHost) {
    throw new InvalidArgumentError('expected a port, or HOST:PORT as in 127.0.0.1:9472.');
  }
  return { host, port: Number(digits) };
}

/** Longer than this no timer of Node's can wait. */
const LONGEST_SECONDS = 2_000_000;

function duration(text: string): number {
  const seconds = positive(text);
  if (seconds > LONGEST_SECONDS) {
    throw new InvalidArgumentError(`expected at most ${LONGEST_SECONDS} seconds.`);
  }
  return seconds;
}

function megabytes(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000) {
    throw new InvalidArgumentError('expected a whole number of megabytes from 1 to 1000000.');
  }
  return value;
}

function sampleRate(text: string): 'auto' | number {
  if (text === 'auto') return text;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > SPARSEST_SAMPLE) {
    throw new InvalidArgumentError(
      `expected auto, or a whole number from 1 to ${SPARSEST_SAMPLE}.`,
    );
  }
  return value;
}
