/** A matrix as Markdown, for docs and tickets. */
import type { MatrixDocument } from '../matrix/document.js';
import { judgeSolutions } from '../matrix/solutions.js';
import { escapeMarkdown } from './escape.js';
import { alarmOf, cellsOf, groupsOf, HEADINGS, headlineOf, reasonsOf } from './matrix-cells.js';

const FATES = ['TCP', 'DNS', 'TCP over IPv6', 'DNS over IPv6'] as const;

/** Ends in a newline. Text from nodes cannot leave its cell. */
export function matrixMarkdown(matrix: MatrixDocument): string {
  const { text, tone } = headlineOf(matrix);
  const lines = [
    tone === 'good' ? `**${text}**` : `# ${text}`,
    '',
    `${escapeMarkdown(matrix.summary)}.`,
    '',
    ...solutionLines(matrix),
    ...groupsOf(matrix).flatMap(group => [
      `### ${escapeMarkdown(group.title)}`,
      '',
      tableRow(HEADINGS),
      tableRow(HEADINGS.map(() => '---')),
      ...group.lines.map(line => tableRow(cellsOf(line).map(escapeMarkdown))),
      '',
      ...group.lines.flatMap(line => {
        const alarm = alarmOf(line);
        const { scenario, protocol } = line.row;
        const name = `${escapeMarkdown(scenario)} (${protocol})`;
        return alarm === undefined ? [] : [`**${name}: ${escapeMarkdown(alarm)}**`, ''];
      }),
    ]),
    ...matrix.warnings.map(warning => `- ${escapeMarkdown(warning)}`),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function solutionLines(matrix: MatrixDocument): string[] {
  const solutions = judgeSolutions(matrix);
  if (solutions.length === 0) return [];
  return [
    `### What helps, on Linux ${escapeMarkdown(matrix.kernel)}`,
    '',
    tableRow(['what', 'how', ...FATES]),
    tableRow(['what', 'how', ...FATES].map(() => '---')),
    ...solutions.map(({ name, command, fates }) =>
      tableRow([
        escapeMarkdown(name),
        escapeMarkdown(command),
        ...FATES.map(of => {
          const fate = fates.find(found => found.of === of);
          if (!fate) return '';
          const text = escapeMarkdown(fate.text);
          return fate.answer === 'fails' ? `**fails**: ${text}` : `${fate.answer}: ${text}`;
        }),
      ]),
    ),
    '',
    'Why, by walking the rules and settings of the sending node twice:',
    '',
    ...solutions.flatMap(solution =>
      reasonsOf(solution).map(({ fates, because }) => {
        const of = fates.map(fate => fate.of).join(', ');
        return `- ${escapeMarkdown(solution.name)} (${of}): ${escapeMarkdown(because)}.`;
      }),
    ),
    '',
  ];
}

function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
