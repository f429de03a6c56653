/** A matrix as one HTML file: nothing is fetched, it is light or dark as the reader is, and it prints. */
import type { MatrixDocument } from '../matrix/document.js';
import { judgeSolutions } from '../matrix/solutions.js';
import { escapeHtml } from './escape.js';
import {
  ANSWERS,
  alarmOf,
  cellsOf,
  fatesText,
  groupsOf,
  HEADINGS,
  headlineOf,
  type MatrixLine,
  reasonsOf,
} from './matrix-cells.js';

const STYLE = `
:root { color-scheme: light dark; --line: #8885; --good: #1a7f37; --bad: #cf222e; --open: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #ff7b72; --open: #d29922; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
h1 { line-height: 1.2; } h1.bad { font-size: 2.6rem; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: left; vertical-align: top; }
td { white-space: nowrap; } td:nth-child(9) { text-align: right; }
tr.alarm td { font-size: 1.4rem; font-weight: bold; white-space: normal; }
dd { margin: 0 0 .3rem 1.5rem; } dt { font-weight: bold; margin-top: .8rem; }
code { font-size: .85em; }
@media print { body { margin: 0; max-width: none; font-size: 9pt; } .scroll { overflow: visible; } td { white-space: normal; }
  tr, dt, dd { break-inside: avoid; } thead { display: table-header-group; } }
`;

const TONES = { works: 'good', fails: 'bad', open: 'open' } as const;

/** The whole file. Text from nodes is escaped wherever it stands. */
export function matrixHtml(matrix: MatrixDocument): string {
  const { text, tone } = headlineOf(matrix);
  const title = `stalesum matrix: Linux ${escapeHtml(matrix.kernel)}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1 class="${tone}">${escapeHtml(text)}</h1>
<p>${escapeHtml(matrix.summary)}.</p>
${solutions(matrix)}
${groupsOf(matrix)
  .map(({ title: name, lines }) => `<h2>${escapeHtml(name)}</h2>\n${table(lines)}`)
  .join('\n')}
${notes(matrix)}
<p>${escapeHtml(`${matrix.tool.name} ${matrix.tool.version}`)}</p>
</body>
</html>
`;
}

function solutions(matrix: MatrixDocument): string {
  const judged = judgeSolutions(matrix);
  if (judged.length === 0) return '';
  const entries = judged.flatMap(solution => [
    `<dt>${escapeHtml(solution.name)}</dt>`,
    `<dd><code>${escapeHtml(solution.command)}</code></dd>`,
    ...reasonsOf(solution).map(({ answer, fates, because }) => {
      const word = `<strong class="${TONES[answer]}">${ANSWERS[answer]}</strong>`;
      return `<dd>${word} ${escapeHtml(`${fatesText(fates)}: ${because}`)}</dd>`;
    }),
  ]);
  return `<h2>What helps, on Linux ${escapeHtml(matrix.kernel)}</h2>\n<dl>\n${entries.join('\n')}\n</dl>`;
}

function table(lines: readonly MatrixLine[]): string {
  const heading = HEADINGS.map(name => `<th>${escapeHtml(name)}</th>`).join('');
  const rows = lines.map(line => {
    const cells = cellsOf(line).map((cell, column) => {
      const tone = column === 3 ? ` class="${toneOf(line)}"` : '';
      return `<td${tone}>${escapeHtml(cell)}</td>`;
    });
    const alarm = alarmOf(line);
    const tone = line.row.agrees === false ? 'bad' : 'open';
    const below =
      alarm === undefined
        ? ''
        : `\n<tr class="alarm"><td class="${tone}" colspan="${HEADINGS.length}">${escapeHtml(alarm)}</td></tr>`;
    return `<tr title="${escapeHtml(line.detail.title)}">${cells.join('')}</tr>${below}`;
  });
  return `<div class="scroll"><table>\n<thead><tr>${heading}</tr></thead>\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table></div>`;
}

function toneOf({ row }: MatrixLine): 'good' | 'bad' | 'open' {
  switch (row.measured) {
    case 'stale-checksum':
    case 'mangled-checksum':
    case 'other-corruption':
      return 'bad';
    case 'not-rewritten':
    case 'no-fault':
    case 'double-snat-harmless':
      return 'good';
    case 'no-tunnel-traffic':
    case 'inconclusive':
      return 'open';
  }
}

function notes({ warnings }: MatrixDocument): string {
  if (warnings.length === 0) return '';
  return `<ul>\n${warnings.map(warning => `<li>${escapeHtml(warning)}</li>`).join('\n')}\n</ul>`;
}
