/** `stalesum report BUNDLE`: renders a bundle again, from its captures. */
import { DEFAULT_EXIT_POLICY } from '../analysis/exit-code.js';
import type { VerdictDocument } from '../analysis/verdict.js';
import { examineSources } from '../evidence/examine.js';
import { gatherReportMaterial, type ReportMaterial } from '../evidence/report-material.js';
import { type Sources, withSources } from '../evidence/sources.js';
import { compareStored, type StoredVerdict } from '../evidence/stored-verdict.js';
import { printable, writeResult } from '../output.js';
import type { ReportFormat } from '../report/formats.js';
import type { OutputOptions } from './options.js';

export interface ReportOptions extends OutputOptions {
  readonly format: ReportFormat;
  readonly port: readonly number[];
}

/** Prints the report; returns the exit code of the verdict. */
export async function report(bundle: string, options: ReportOptions): Promise<number> {
  const format = options.json ? 'json' : options.format;
  const { verdict, text } = await withSources([bundle], async sources => {
    const examined = await examineSources(sources, {
      tunnelPorts: options.port,
      policy: DEFAULT_EXIT_POLICY,
    });
    const stored = await storedBeside(sources, examined);
    warnOf(stored);
    const material = () => gatherReportMaterial(sources, examined, stored);
    return { verdict: examined, text: await rendered(format, examined, material, options.color) };
  });
  await writeResult(text);
  return verdict.exitCode;
}

async function storedBeside(
  { recording }: Sources,
  verdict: VerdictDocument,
): Promise<StoredVerdict> {
  return recording === undefined ? { kind: 'absent' } : compareStored(recording, verdict);
}

/** The renderers are loaded when they are wanted; not all need more than the verdict. */
async function rendered(
  format: ReportFormat,
  verdict: VerdictDocument,
  material: () => Promise<ReportMaterial>,
  color: boolean,
): Promise<string> {
  switch (format) {
    case 'json':
      return `${JSON.stringify(verdict, null, 2)}\n`;
    case 'junit':
      return (await import('../report/junit.js')).junitReport(verdict);
    case 'terminal':
      return (await import('../report/terminal.js')).terminalReport(verdict, { color });
    case 'markdown':
      return (await import('../report/markdown.js')).markdownReport(await material());
    case 'html':
      return (await import('../report/html/page.js')).htmlReport(await material());
    case 'commands':
      return (await import('../report/commands.js')).commandsText(await material());
  }
}

function warnOf(stored: StoredVerdict): void {
  const say = (text: string) => process.stderr.write(`stalesum: ${printable(text)}\n`);
  if (stored.kind === 'differs') {
    say(`verdict.json differs from what the captures say: ${stored.places.join(', ')}`);
  } else if (stored.kind === 'unreadable') say(`verdict.json: ${stored.reason}`);
}
