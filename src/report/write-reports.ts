/** Writes the reports of a run beside its captures. */
import { join } from 'node:path';
import type { VerdictDocument } from '../analysis/verdict.js';
import { gatherReportMaterial } from '../evidence/report-material.js';
import { withSources } from '../evidence/sources.js';
import { writeWhole } from '../write-whole.js';
import { commandsText } from './commands.js';
import { htmlReport } from './html/page.js';
import { markdownReport } from './markdown.js';

/**
 * Writes `report.md`, `report.html` and `commands.txt` into the folder of a recording, and returns their
 * names. It is a bundle's, so that its SHA256SUMS will be there when they are read.
 *
 * @throws StalesumError `write-failed`
 */
export async function writeReports(bundle: {
  readonly folder: string;
  readonly verdict: VerdictDocument;
}): Promise<readonly string[]> {
  const { folder, verdict } = bundle;
  const gathered = await withSources([folder], sources =>
    gatherReportMaterial(sources, verdict, { kind: 'same' }),
  );
  const material = { ...gathered, hasSums: true };
  const files = [
    ['report.md', markdownReport(material)],
    ['report.html', htmlReport(material)],
    ['commands.txt', commandsText(material)],
  ] as const;
  for (const [name, text] of files) await writeWhole(join(folder, name), text);
  return files.map(([name]) => name);
}
