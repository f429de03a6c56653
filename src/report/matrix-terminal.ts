/** A matrix on a terminal: the answer, what helps, and every row. */
import { createColors } from 'picocolors';
import type { MatrixDocument } from '../matrix/document.js';
import { judgeSolutions } from '../matrix/solutions.js';
import { printable } from '../output.js';
import {
  ANSWERS,
  alarmOf,
  cellsOf,
  fatesText,
  groupsOf,
  headlineOf,
  reasonsOf,
} from './matrix-cells.js';
import { columns, indent, wrap } from './text.js';

const WIDTH = 112;
const HEADINGS = [
  ...['scenario', '', 'measured', 'predicted', 'grade'],
  ...['port', 'checksum', 'first', 'delay'],
];
const TONES = { good: 'green', open: 'yellow', bad: 'red' } as const;

/** Ends in a newline. */
export function matrixText(matrix: MatrixDocument, color: boolean): string {
  const paint = color ? createColors() : createColors(false);
  const { text, tone } = headlineOf(matrix);
  const loud = (words: string) => paint.bold(paint[TONES[tone]](words));
  const sections = [
    [loud(text), '', ...wrap(printable(sentence(matrix.summary)), WIDTH)],
    solutionLines(matrix),
    ...rowSections(matrix, words => paint.bold(paint.red(words))),
    notes(matrix),
    // Who has read so far should not have to look up again.
    tone === 'bad' ? [loud(text)] : [],
  ];
  const shown = sections.filter(lines => lines.length > 0).map(lines => lines.join('\n'));
  return `${shown.join('\n\n')}\n`;
}

function solutionLines(matrix: MatrixDocument): string[] {
  const solutions = judgeSolutions(matrix);
  if (solutions.length === 0) return [];
  return [
    'What helps, on this kernel',
    ...solutions.flatMap(solution => [
      `  ${printable(solution.name)}`,
      ...wrap(`    ${printable(solution.command)}`, WIDTH, 6),
      ...reasonsOf(solution).flatMap(({ answer, fates, because }) => [
        ...wrap(printable(`    ${ANSWERS[answer]}  ${fatesText(fates)}`), WIDTH, 11),
        ...wrap(printable(`           ${because}`), WIDTH, 11),
      ]),
    ]),
  ];
}

function rowSections(matrix: MatrixDocument, loud: (words: string) => string): string[][] {
  const groups = groupsOf(matrix);
  const table = columns([
    HEADINGS,
    ...groups.flatMap(({ lines }) => lines.map(line => narrow(cellsOf(line)).map(printable))),
  ]);
  const [heading = '', ...rest] = table;
  let at = 0;
  return groups.map(({ title, lines }, index) => [
    title,
    ...indent([
      ...(index === 0 ? [heading] : []),
      ...lines.flatMap(line => {
        const alarm = alarmOf(line);
        const text = rest[at++] ?? '';
        return alarm === undefined ? [text] : [text, ...wrap(printable(alarm), WIDTH).map(loud)];
      }),
    ]),
  ]);
}

/** Below 120 columns: what was predicted is named only where it is another thing. */
function narrow([scenario = '', protocol = '', predicted, measured, ...rest]: string[]): string[] {
  const foretold = predicted === measured ? 'the same' : (predicted ?? '');
  return [scenario, protocol, measured ?? '', foretold, ...rest];
}

function notes({ warnings }: MatrixDocument): string[] {
  const lines = warnings.flatMap(warning => wrap(`- ${printable(warning)}`, WIDTH - 2, 2));
  return lines.length === 0 ? [] : ['Note', ...indent(lines)];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
