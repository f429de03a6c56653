/** report.html looked at in a real browser: light, dark, narrow, on paper, and with hostile texts. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ReportMaterial } from '../../src/evidence/report-material.js';
import { printable } from '../../src/output.js';
import { htmlReport } from '../../src/report/html/page.js';
import { junitReport } from '../../src/report/junit.js';
import { recordings } from '../support/recordings.js';
import { HOSTILE, materialOf, withTexts } from '../support/report-material.js';
import { describeInBrowser, launchChromium } from './chromium.js';
import { accessFaults, collidingTexts, foreignMarkup, lowContrast } from './look.js';

const recorded = (end: string) => recordings.find(({ name }) => name.endsWith(end))!.folder;

describeInBrowser('report.html', () => {
  let browser: Browser;
  let folder: string;
  let longest: ReportMaterial;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stalesum-browser-'));
    [browser, longest] = await Promise.all([
      launchChromium(),
      materialOf(recorded('6.18.44/udpcsum-fixed-port')),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true });
  });

  let page: Page;
  /** Everything that the page said or asked for, beside itself. */
  let noise: string[];
  let path = '';
  let count = 0;

  beforeAll(async () => {
    page = await browser.newPage();
    page.on('console', message => noise.push(`console: ${message.text()}`));
    page.on('pageerror', error => noise.push(`error: ${error.message}`));
    page.on('request', request => {
      if (request.url() !== `file://${path}`) noise.push(`request: ${request.url()}`);
    });
  });

  async function open(text: string, colorScheme: 'light' | 'dark', width = 1180): Promise<void> {
    noise = [];
    path = join(folder, `${++count}.html`);
    await writeFile(path, text);
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ media: 'screen', colorScheme });
    await page.goto(`file://${path}`);
  }

  /** The browser tells what is at a point only where it is in view. */
  async function bringAllIntoView(): Promise<void> {
    const [width, height] = await page.evaluate<[number, number]>(
      '[document.documentElement.clientWidth, document.documentElement.scrollHeight]',
    );
    await page.setViewportSize({ width, height });
  }

  it.each(['light', 'dark'] as const)('can be read by eye and ear, %s', async colorScheme => {
    for (const material of [
      longest,
      await materialOf(recorded('4.19.90/double-snat-zero-checksum')),
    ]) {
      await open(htmlReport(material), colorScheme);
      await bringAllIntoView();
      const { seen, faults } = await page.evaluate<{ seen: number; faults: string[] }>(lowContrast);
      expect(faults).toEqual([]);
      expect(seen).toBeGreaterThan(200);
      expect(await page.evaluate(accessFaults)).toEqual([]);
      expect(noise).toEqual([]);
    }
  });

  it('a page with each of these faults would not pass', async () => {
    const faulty = `<!DOCTYPE html><title></title><style>body{background:#fff}</style><h1>a</h1><h3>b</h3>
      <p style="color:#999">pale</p><table><tbody><tr><td>1</td></tr></tbody></table>
      <svg id="x" width="99" height="30"><text x="5" y="20">one</text><text x="8" y="20">two</text></svg>
      <script>window.hurt = 1; console.log('heard')</script><img src="picture.png">`;
    await open(faulty, 'light');
    const { faults } = await page.evaluate<{ faults: string[] }>(lowContrast);
    expect(faults).toEqual([expect.stringMatching(/^2\.85: pale$/)]);
    expect(await page.evaluate(collidingTexts)).toEqual(['x: one / two']);
    expect(await page.evaluate(accessFaults)).toEqual(
      expect.arrayContaining([
        'no language',
        'no title',
        'heading skips a level: b',
        'row without head: 1',
      ]),
    );
    expect(await page.evaluate(foreignMarkup)).toEqual(
      expect.arrayContaining(['SCRIPT', 'IMG', 'P style', 'IMG src', 'a script ran']),
    );
    expect(noise).toEqual(
      expect.arrayContaining([
        'console: heard',
        expect.stringMatching(/^request: .*picture\.png$/),
      ]),
    );
  });

  it('has another page by night than by day', async () => {
    const backgrounds: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await open(htmlReport(longest), colorScheme);
      backgrounds.push(
        await page.evaluate<string>('getComputedStyle(document.body).backgroundColor'),
      );
    }
    expect(backgrounds).toEqual(['rgb(245, 246, 248)', 'rgb(16, 21, 28)']);
  });

  it('shows its pictures, each under its name, with every SYN in them', async () => {
    await open(htmlReport(longest), 'light');
    const pictures = page.getByRole('img');
    expect(await pictures.count()).toBe(2);
    for (const name of [/^Every SYN of /, /^The first .* to scale/]) {
      const picture = page.getByRole('img', { name });
      const box = await picture.boundingBox();
      expect(box!.width).toBeGreaterThan(800);
      expect(box!.height).toBeGreaterThan(150);
    }
    for (let number = 1; number <= 11; number++) {
      const label = page.locator('#ladder-1 text', { hasText: new RegExp(`^SYN ${number}$`) });
      expect(await label.isVisible()).toBe(true);
    }
    expect(await page.locator('#ladder-1 text', { hasText: /^dropped$/ }).count()).toBe(10);
    expect(await page.locator('#timeline-1 .life-bar.bad').count()).toBe(1);
  });

  it('draws the time to scale: SYNs, the entry’s life and the success', async () => {
    await open(htmlReport(longest), 'light');
    const { syns } = longest.verdict.flows[0]!;
    // Where the marks are, in the drawing's own units, against the times in the document.
    const marks = await page.evaluate<number[]>(`
      [...document.querySelectorAll('#timeline-1 .cross, #timeline-1 .diamond')].map(mark => {
        const { x, width } = mark.getBBox();
        return x + width / 2;
      })`);
    expect(marks).toHaveLength(syns.length);
    const scale = (marks.at(-1)! - marks[0]!) / syns.at(-1)!.atSeconds;
    for (const [index, { atSeconds }] of syns.entries()) {
      expect(Math.abs(marks[index]! - marks[0]! - atSeconds * scale)).toBeLessThan(0.2);
    }
    const entry = longest.entries[0]!;
    const [alive, over] = await page.evaluate<{ x: number; end: number }[]>(`
      [...document.querySelectorAll('#timeline-1 .life-bar')].slice(0, 2).map(bar => {
        const { x, width } = bar.getBBox();
        return { x, end: x + width };
      })`);
    expect(Math.abs(alive!.x - marks[0]! - entry.fromSeconds! * scale)).toBeLessThan(0.2);
    // 30 s after the last SYN that met it; then it stands there until the SYN of 67 s clears it away.
    expect(Math.abs(alive!.end - marks[0]! - (syns.at(-2)!.atSeconds + 30) * scale)).toBeLessThan(
      0.2,
    );
    expect(Math.abs(over!.end - marks[0]! - entry.untilSeconds! * scale)).toBeLessThan(0.2);
  });

  it('of every recording is quiet, in order, and no text of it runs into another', async () => {
    for (const { name, folder: recording } of recordings) {
      await open(htmlReport(await materialOf(recording)), 'light');
      expect(noise, name).toEqual([]);
      expect(await page.evaluate(collidingTexts), name).toEqual([]);
      expect(await page.evaluate(accessFaults), name).toEqual([]);
      expect(await page.getByRole('img').count(), name).toBe(2);
    }
  });

  it('fits a narrow window: what is wide scrolls in its own place', async () => {
    await open(htmlReport(longest), 'light', 390);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    expect(noise).toEqual([]);
  });

  it('prints to a few pages of paper, light even by night', async () => {
    await open(htmlReport(longest), 'dark');
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b(?!s)/g)?.length ?? 0;
    expect(pages).toBeGreaterThan(3);
    expect(pages).toBeLessThan(13);
    await bringAllIntoView();
    const { faults } = await page.evaluate<{ faults: string[] }>(lowContrast);
    expect(faults).toEqual([]);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
      'rgb(255, 255, 255)',
    );
    expect(noise).toEqual([]);
  });

  it('keeps hostile texts as texts', async () => {
    for (const hostile of HOSTILE) {
      await open(htmlReport(withTexts(longest, () => hostile)), 'light');
      expect(await page.evaluate(foreignMarkup), hostile).toEqual([]);
      expect(noise, hostile).toEqual([]);
      const shown = await page.locator('.lead').textContent();
      expect(shown).toBe(printable(hostile));
    }
  });

  it('a hostile junit report is XML with these very texts', async () => {
    for (const hostile of HOSTILE) {
      const xml = junitReport(withTexts(longest.verdict, () => hostile));
      const read = await page.evaluate<{
        error: string | null;
        cases: number;
        message: string;
      }>(`(() => {
        const parsed = new DOMParser().parseFromString(${JSON.stringify(xml)}, 'application/xml');
        return {
          error: parsed.querySelector('parsererror')?.textContent ?? null,
          cases: parsed.querySelectorAll('testsuites > testsuite > testcase').length,
          message: parsed.querySelector('failure')?.getAttribute('message') ?? '',
        };
      })()`);
      expect(read.error).toBeNull();
      expect(read.cases).toBe(2);
      expect(read.message).toBe(printable(hostile).replace(/[\uFFFE\uFFFF]/g, '\uFFFD'));
    }
  });
});
