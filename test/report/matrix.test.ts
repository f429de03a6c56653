import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { assemble, type MeasuredRow } from '../../src/matrix/assemble.js';
import { failedDetail, failedRow } from '../../src/matrix/row.js';
import { matrixHtml } from '../../src/report/matrix-html.js';
import { matrixMarkdown } from '../../src/report/matrix-markdown.js';
import { matrixText } from '../../src/report/matrix-terminal.js';
import {
  matrixSample,
  measured,
  placeSample,
  predictionSample,
  resultSample,
  verdictSample,
} from '../matrix/samples.js';

const AGREES = measured(placeSample(), resultSample());

const DIFFERS = measured(
  placeSample('kube-proxy-patched', { group: 'What is done about it', protocol: 'udp' }),
  resultSample({
    prediction: predictionSample({
      verdict: 'not-rewritten',
      outerSourcePortRewritten: false,
      because: 'the mark is taken off',
    }),
  }),
);

const OPEN: MeasuredRow = {
  row: failedRow(placeSample('notrack')),
  detail: failedDetail(placeSample('notrack'), 'this kernel cannot do scenario notrack'),
};

const FORMATS = [
  ['terminal', (document: Parameters<typeof matrixText>[0]) => matrixText(document, false)],
  ['markdown', matrixMarkdown],
  ['html', matrixHtml],
] as const;

describe('the exit code', () => {
  it.each([
    [[AGREES], 0, 'all 1 rows are as predicted on Linux 6.18.44'],
    [[AGREES, OPEN], 2, '1 of 2 rows on Linux 6.18.44 are open: notrack (tcp)'],
    [
      [AGREES, OPEN, DIFFERS],
      1,
      'differ in 1 of 3 rows on Linux 6.18.44: kube-proxy-patched (udp)',
    ],
  ] as const)('%#: %i', (rows, exitCode, summary) => {
    const document = matrixSample(rows);
    expect(document.exitCode).toBe(exitCode);
    expect(document.summary).toContain(summary);
  });
});

describe.each(FORMATS)('%s', (_, render) => {
  it('has a row that differs in big letters, under a heading in big letters', () => {
    const text = render(matrixSample([AGREES, DIFFERS]));
    expect(text).toContain('PREDICTION AND MEASUREMENT DIFFER IN 1 ROW');
    expect(text).toContain('DIFFERS: PREDICTED not-rewritten, MEASURED stale-checksum');
    expect(text).toContain('the mark is taken off');
    expect(text).not.toContain('AS PREDICTED IN EVERY ROW');
  });

  it('says so where all is as predicted, and of what kernel', () => {
    const text = render(matrixSample([AGREES]));
    expect(text).toContain('AS PREDICTED IN EVERY ROW');
    expect(text).not.toContain('DIFFER');
    expect(text).toContain('6.18.44');
  });

  it('does not call good what is open', () => {
    const text = render(matrixSample([AGREES, OPEN]));
    expect(text).toContain('1 ROW IS OPEN');
    expect(text).toContain('NOT MEASURED: this kernel cannot do scenario notrack');
  });

  it('owns up to a row that is emulated', () => {
    const text = render(matrixSample([measured(placeSample('emulated-pre-5.7'), resultSample())]));
    expect(text).toContain('emulated-pre-5.7 (emulated)');
  });

  it('says what helps, and what does not', () => {
    const nic = placeSample('nic-offload-off', { group: 'What is done about it' });
    const dns = resultSample({
      verdict: verdictSample({ verdict: 'double-snat-harmless', checksum: 'valid' }),
      prediction: predictionSample({ verdict: 'double-snat-harmless', because: 'eth0 is off' }),
    });
    const text = render(
      matrixSample([measured(nic, resultSample()), measured({ ...nic, protocol: 'udp' }, dns)]),
    );
    expect(text).toContain('checksum offload off on the NIC, rx and tx, on both nodes');
    expect(text).toMatch(/\bfails\b.*stale, 1\.0 s/i);
    expect(text).toMatch(/works.*rewritten, checksum right/);
    expect(text).toContain('eth0 is off');
  });

  it('keeps text of nodes in its place', () => {
    const hostile = '<script>alert(1)</script> | `x` \u001b[31m \u202e [a](javascript:b)';
    const verdict = verdictSample({ because: hostile });
    const prediction = predictionSample({ verdict: 'not-rewritten', because: hostile });
    const row = measured(placeSample(), resultSample({ verdict, prediction }));
    const text = render(assemble([row, OPEN], hostile, [hostile]));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(text).not.toMatch(/[\u001b\u202e]/);
    if (render === matrixHtml) expect(text).not.toMatch(/<script|href/);
    if (render === matrixMarkdown) {
      expect(text).not.toMatch(/(?<!\\)<script|(?<!\\)\[a\]|[^\\]`x/);
      // Every row of a table has as many cells as its heading.
      for (const table of text.split('\n\n').filter(block => block.startsWith('| '))) {
        const cells = table.split('\n').map(line => line.match(/(?<!\\)\|/g)?.length);
        expect(new Set(cells).size).toBe(1);
      }
    }
  });
});

describe('the terminal', () => {
  it('stays below 120 columns', () => {
    const names = ['unpatched-zero-checksum-ipv6', 'address-rewritten-on-the-way'];
    const rows = names.map(name =>
      measured(
        placeSample(name),
        resultSample({
          verdict: verdictSample({ verdict: 'other-corruption', grade: 'supported' }),
          prediction: predictionSample({ verdict: 'not-rewritten', because: 'x '.repeat(300) }),
        }),
      ),
    );
    for (const line of matrixText(matrixSample(rows), false).split('\n')) {
      expect(line.length).toBeLessThan(120);
    }
  });

  it('is red where a row differs', () => {
    const text = matrixText(matrixSample([DIFFERS]), true);
    expect(stripVTControlCharacters(text)).toBe(matrixText(matrixSample([DIFFERS]), false));
  });
});

describe('html', () => {
  const html = matrixHtml(matrixSample([AGREES, DIFFERS, OPEN]));

  it('fetches nothing', () => {
    expect(html).not.toMatch(/https?:|src=|@import|url\(/);
    expect(html).toContain(`default-src 'none'`);
  });

  it('is light or dark, and prints', () => {
    expect(html).toContain('color-scheme: light dark');
    expect(html).toContain('@media print');
  });

  it('has as many cells in each row as headings', () => {
    for (const [, body] of html.matchAll(/<tr title="[^"]*">(.*?)<\/tr>/g)) {
      expect(body!.match(/<td/g)).toHaveLength(9);
    }
    expect(html.match(/<th>/g)).toHaveLength(9 * 2);
  });
});
