/** Options and help of `stalesum report`. */
import { Command, Option } from 'commander';
import { REPORT_FORMATS, type ReportFormat } from '../report/formats.js';
import { collectPort } from './arguments.js';
import { type Finish, withOutput } from './shared-options.js';

export function reportCommand(finish: Finish): Command {
  const command = new Command('report')
    .description('render a bundle again, from its captures: for a ticket, a browser, a pipeline')
    .exitOverride()
    .argument('<bundle>', 'folder of a recording or bundle')
    .addOption(
      new Option('--format <format>', 'what to write to stdout')
        .choices(REPORT_FORMATS)
        .default('markdown' satisfies ReportFormat),
    )
    .option('--port <number>', 'a further UDP port taken for VXLAN', collectPort, []);
  return withOutput(command)
    .addHelpText(
      'after',
      `
The captures are analysed anew; where the bundle's verdict.json says something else, that is told.
The exit code is that of the verdict, as with analyze.
Examples:
  stalesum report evidence/ > comment.md
  stalesum report evidence/ --format html > report.html
  stalesum report evidence/ --format junit > stalesum.xml`,
    )
    .action(async (bundle: string, options) => {
      const { report } = await import('../commands/report.js');
      finish(await report(bundle, options));
    });
}
