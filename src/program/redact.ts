/** Options and help of `stalesum redact`. */
import { Command } from 'commander';
import { type Finish, withOutput } from './shared-options.js';

export function redactCommand(finish: Finish): Command {
  const command = new Command('redact')
    .description('a copy fit to leave the company: addresses replaced, every checksum verdict kept')
    .exitOverride()
    .argument('<bundle>', 'folder or archive of a bundle or recording')
    .requiredOption('--out <path>', 'where the copy goes: a new folder, or an archive (.tar.gz)')
    .option('--key <file>', 'what decides the replacements; made if it is not there');
  return withOutput(command)
    .addHelpText(
      'after',
      `
IP and MAC addresses, and names of hosts, services, namespaces and pods are replaced, in captures, snapshots
and reports alike; payload is left out. Ports, times, lengths, flags and counts stay. The copy is searched
and judged before it is delivered: if anything original is left, or the verdict is another, there is none.
The same key replaces the same by the same; keep it where the evidence does not go. Without --key it is
~/.config/stalesum/redact.key. What is kept and why: docs/redact.md.
Exit codes: 0 delivered, 65 not readable, 74 not delivered
Examples:
  stalesum redact evidence/ --out for-the-vendor
  stalesum redact evidence.tar.gz --out for-the-vendor.tar.gz --key ~/secrets/case-4711.key`,
    )
    .action(async (bundle: string, options) => {
      const { redact } = await import('../commands/redact.js');
      finish(await redact(bundle, options));
    });
}
