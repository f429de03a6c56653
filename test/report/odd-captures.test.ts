/** Captures of every kind that there are fixtures of, from link types to damage: each can be reported. */
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { StalesumError } from '../../src/errors.js';
import { writtenSum } from '../../src/report/checksum-sum.js';
import { commandsText } from '../../src/report/commands.js';
import { dissect } from '../../src/report/dissection.js';
import { htmlReport } from '../../src/report/html/page.js';
import { junitReport } from '../../src/report/junit.js';
import { markdownReport } from '../../src/report/markdown.js';
import { materialOf } from '../support/report-material.js';

const files = ['offline', 'capture-file'].flatMap(area => {
  const folder = new URL(`../${area}/fixtures/`, import.meta.url).pathname;
  return readdirSync(folder)
    .filter(name => /\.pcap(ng)?(\.gz)?$/.test(name))
    .map(name => [`${area}/${name}`, `${folder}${name}`] as const);
});

it('there are many', () => {
  expect(files.length).toBeGreaterThan(40);
});

it.each(files)('%s', async (_name, path) => {
  const material = await materialOf(path).catch((thrown: unknown) => {
    // What cannot be read at all is refused, and not reported on.
    if (thrown instanceof StalesumError && thrown.kind === 'bad-input') return undefined;
    throw thrown;
  });
  if (!material) return;
  const { verdict, datagram } = material;
  const first = markdownReport(material).split('\n')[0]!;
  expect(first.length).toBeGreaterThan(20);
  expect(htmlReport(material)).toContain('</html>');
  expect(commandsText(material)).toMatch(/^# /);
  expect(junitReport(verdict)).toContain('</testsuites>');
  const isConvicted = ['stale-checksum', 'mangled-checksum'].includes(verdict.verdict);
  expect(datagram !== null).toBe(isConvicted);
  if (!datagram) return;
  const dissection = dissect(datagram, datagram.flow.outer!.destinationPort);
  const isWhole = datagram.bytes.length === datagram.originalLength;
  const isFragmented = /fragment/.test(path);
  if (isWhole && !isFragmented) expect(writtenSum(dissection!)).toBeDefined();
});
