/** Writes the reports of a run beside its captures. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { VerdictDocument } from '../analysis/verdict.js';
import { messageOf, StalesumError } from '../errors.js';
import { commandsText } from '../report/commands.js';
import { htmlReport } from '../report/html/page.js';
import { markdownReport } from '../report/markdown.js';
import { gatherReportMaterial } from './report-material.js';
import { expandSources } from './sources.js';

export const REPORT_FILES = {
  markdown: 'report.md',
  html: 'report.html',
  commands: 'commands.txt',
} as const;

export interface WriteReportsOptions {
  /** Whether the bundle gets a SHA256SUMS, so that its check can be part of commands.txt. */
  readonly withSums: boolean;
}

/**
 * Writes `report.md`, `report.html` and `commands.txt` into the folder of a recording.
 *
 * @throws StalesumError `write-failed`
 */
export async function writeReports(
  folder: string,
  verdict: VerdictDocument,
  { withSums }: WriteReportsOptions,
): Promise<void> {
  const gathered = await gatherReportMaterial(await expandSources([folder]), verdict, {
    kind: 'same',
  });
  const material = { ...gathered, hasSums: withSums || gathered.hasSums };
  await save(folder, REPORT_FILES.markdown, markdownReport(material));
  await save(folder, REPORT_FILES.html, htmlReport(material));
  await save(folder, REPORT_FILES.commands, commandsText(material));
}

async function save(folder: string, name: string, text: string): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, text).catch(thrown => {
    throw new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
  });
}
