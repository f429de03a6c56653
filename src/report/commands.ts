/** `commands.txt`: the check as a text that a shell runs as it is. */
import type { ReportMaterial } from '../evidence/report-material.js';
import { printable } from '../output.js';
import { checkSteps } from './check-commands.js';
import { wrap } from './text.js';

const WIDTH = 96;

/** Renders the file: every line is a comment or a command. */
export function commandsText(material: ReportMaterial): string {
  const steps = checkSteps(material);
  const head = [
    ...comment(material.verdict.summary),
    '#',
    ...comment(
      'How to check this by hand: with tshark (of Wireshark), and bc for the sums. In the folder of this file, ' +
        'paste the commands one by one, or run them all: sh commands.txt',
    ),
  ];
  const blocks = steps.map(({ title, command, expect }, index) => [
    '',
    ...comment(`${index + 1}. ${title}.`),
    ...(expect === null ? [] : comment(`   Expected: ${expect}`)),
    command,
  ]);
  const none = ['', '# These captures hold nothing that a command would show.'];
  return `${[...head, ...(steps.length === 0 ? none : blocks.flat())].join('\n')}\n`;
}

function comment(text: string): string[] {
  return wrap(printable(text), WIDTH).map(line => `# ${line}`);
}
