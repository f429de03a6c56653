/** `stalesum matrix`: every scenario in a lab, prediction next to measurement. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf, StalesumError } from '../errors.js';
import type { MatrixDocument } from '../matrix/document.js';
import { planScenarios } from '../matrix/plan.js';
import { type MatrixProgress, runMatrix } from '../matrix/run.js';
import { writeResult } from '../output.js';
import { progressOn } from '../terminal/progress.js';
import { isForKernel, type KernelOptions, onKernel } from './on-kernel.js';
import type { OutputOptions } from './options.js';

export interface MatrixCommandOptions extends OutputOptions, KernelOptions {
  readonly only: readonly string[];
  readonly retransmits: 'classic' | 'kernel';
  readonly format: MatrixFormat;
  readonly out?: string;
}

type MatrixFormat = 'terminal' | 'markdown' | 'html' | 'json';

/** Several labs at once. */
const GUEST_MEBIBYTES = 4096;

/** Prints the matrix; returns the exit code. */
export async function matrix(options: MatrixCommandOptions): Promise<number> {
  const scenarios = planScenarios(options.only);
  const out = options.out === undefined ? null : await makeEmptyFolder(options.out);
  if (isForKernel(options)) return onKernel(options, [options.out], GUEST_MEBIBYTES);
  const progress = progressOn(process.stderr, options.quiet);
  const { retransmits } = options;
  const document = await runMatrix(scenarios, {
    retransmits,
    out,
    onProgress: state => progress.show(progressText(state)),
  }).finally(progress.clear);
  if (out !== null) await keep(out, document);
  await writeResult(await render(document, options.json ? 'json' : options.format, options.color));
  return document.exitCode;
}

function progressText({ rowsDone, rows, labsRunning, last }: MatrixProgress): string {
  const labs = labsRunning === 1 ? '1 lab' : `${labsRunning} labs`;
  const what = last === undefined ? '' : `; ${last.scenario} (${last.protocol}): ${last.measured}`;
  const alarm = last?.agrees === false ? ', NOT AS PREDICTED' : '';
  return `matrix   ${rowsDone} of ${rows} rows, ${labs} running${what}${alarm}`;
}

async function render(
  document: MatrixDocument,
  format: MatrixFormat,
  color: boolean,
): Promise<string> {
  switch (format) {
    case 'json':
      return `${JSON.stringify(document, null, 2)}\n`;
    case 'markdown':
      return (await import('../report/matrix-markdown.js')).matrixMarkdown(document);
    case 'html':
      return (await import('../report/matrix-html.js')).matrixHtml(document);
    case 'terminal':
      return (await import('../report/matrix-terminal.js')).matrixText(document, color);
  }
}

const KEPT = { 'matrix.json': 'json', 'matrix.md': 'markdown', 'matrix.html': 'html' } as const;

async function keep(out: string, document: MatrixDocument): Promise<void> {
  for (const [name, format] of Object.entries(KEPT)) {
    const path = join(out, name);
    await writeFile(path, await render(document, format, false)).catch(thrown => {
      throw new StalesumError('write-failed', `${path}: ${messageOf(thrown)}`);
    });
  }
}

async function makeEmptyFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length === 0) return resolve(folder);
  } catch (thrown) {
    throw new StalesumError('write-failed', `${folder}: ${messageOf(thrown)}`);
  }
  throw new StalesumError('usage', `${folder}: the folder for the recordings is not empty`);
}
