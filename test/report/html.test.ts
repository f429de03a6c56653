/** The HTML report as text: what a parser would make of it is in test/browser. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ReportMaterial } from '../../src/evidence/report-material.js';
import { htmlReport } from '../../src/report/html/page.js';
import { recordings } from '../support/recordings.js';
import { HOSTILE, materialOf, withTexts } from '../support/report-material.js';

const ELEMENTS = new Set(
  `html head meta title style body header p h1 span nav ul li a main section h2 h3 dl dt dd div figure
  figcaption table caption thead tbody tr th td ol pre code strong footer
  svg desc g line text circle path rect`
    .split(/\s+/)
    .filter(name => name !== ''),
);
const ATTRIBUTES = new Set(
  `lang charset http-equiv content name class id href aria-label aria-labelledby role tabindex scope
  colspan title viewbox width height xmlns x1 x2 y1 y2 x y cx cy r rx d text-anchor`
    .split(/\s+/)
    .filter(name => name !== ''),
);

/** Reads the page with the rules of a strict reader; what is not ours. */
function strangeMarkup(page: string): string[] {
  const style = /<style>([^<]*)<\/style>/.exec(page);
  if (!style) return ['no style sheet'];
  const rest = page.replace('<!DOCTYPE html>', '').replace(style[0], '');
  return rest
    .split(/(<[^<>]*>)/)
    .flatMap((piece, index) => (index % 2 === 0 ? strangeText(piece) : strangeTag(piece)));
}

function strangeText(piece: string): string[] {
  return /[<>]/.test(piece) ? [piece] : [];
}

function strangeTag(piece: string): string[] {
  const tag = /^<\/?([a-z0-9]+)((?: [A-Za-z0-9-]+="[^"<>]*")*)\/?>$/.exec(piece);
  if (!tag || !ELEMENTS.has(tag[1]!)) return [piece];
  const attributes = [...tag[2]!.matchAll(/ ([A-Za-z0-9-]+)="([^"]*)"/g)];
  return attributes.flatMap(([, name = '', value = '']) => {
    const isOurs = ATTRIBUTES.has(name.toLowerCase());
    return isOurs && (name !== 'href' || /^#[a-z]+$/.test(value)) ? [] : [piece];
  });
}

function expectOnlyOurMarkup(page: string): void {
  expect(strangeMarkup(page)).toEqual([]);
}

const find = (end: string) => recordings.find(({ name }) => name.endsWith(end))!;

describe('report.html', () => {
  let material: ReportMaterial;
  let page: string;
  beforeAll(async () => {
    material = await materialOf(find('5.4.33/udpcsum-fixed-port').folder);
    page = htmlReport(material);
  });

  it('allows nothing but its own style sheet, by its hash', () => {
    const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/
      .exec(page)![1]!
      .replaceAll('&#39;', "'");
    const style = /<style>([^<]*)<\/style>/.exec(page)![1]!;
    const hash = createHash('sha256').update(style).digest('base64');
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`,
    );
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(| style=| on[a-z]+=/i);
  });

  it('draws every SYN, with a text for each drawing', () => {
    const drawings = [...page.matchAll(/<svg id="([^"]+)" role="img" aria-labelledby="([^"]+)"/g)];
    expect(drawings.map(([, id]) => id)).toEqual(['ladder-1', 'timeline-1']);
    for (const [, id, labels] of drawings) {
      expect(labels).toBe(`${id}-title ${id}-desc`);
      expect(page).toMatch(new RegExp(`<title id="${id}-title">[^<]{20,}</title>`));
      expect(page).toMatch(new RegExp(`<desc id="${id}-desc">[^<]{60,}</desc>`));
    }
    const described = /<desc id="ladder-1-desc">([^<]*)</.exec(page)![1]!;
    for (let syn = 1; syn <= 7; syn++) expect(described).toContain(`SYN ${syn} at `);
    expect(described).toContain(
      'SYN 7 at 65.172 s, outer source port 50000, checksum 0x262e, right: delivered',
    );
  });

  it('shows the conntrack entry’s life as the log has it', () => {
    const described = /<desc id="timeline-1-desc">([^<]*)</.exec(page)![1]!;
    // [NEW] 1795375429.716988, [DESTROY] 1795375494.874144; the first SYN passed at 1795375429.699966.
    expect(described).toContain('port 50000 to 38337: [NEW] 0.017 s, [DESTROY] 65.174 s');
    expect(described).toContain('run out since 61.4 s');
    expect(described).toContain('port 50000 to 50000: [NEW] 65.175 s, not ended in the log');
  });

  it('has headings in order', () => {
    const levels = [...page.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    expect(levels.filter(level => level === 1)).toHaveLength(1);
    for (let i = 1; i < levels.length; i++) expect(levels[i]! - levels[i - 1]!).toBeLessThan(2);
  });

  it.each(
    recordings.map(recording => [recording.name, recording] as const),
  )('%s is well formed and under a megabyte', async (_name, { folder }) => {
    const text = htmlReport(await materialOf(folder));
    expectOnlyOurMarkup(text);
    expect(Buffer.byteLength(text)).toBeLessThan(1_000_000);
  });

  it('stays under a megabyte however many connections and SYNs there are', () => {
    const { verdict } = material;
    const flow = verdict.flows[0]!;
    const syns = Array.from({ length: 64 }, (_, index) => flow.syns[index % 7]!);
    const flows = Array.from({ length: 1000 }, () => ({ ...flow, syns }));
    const text = htmlReport({ ...material, verdict: { ...verdict, flows } });
    expect(Buffer.byteLength(text)).toBeLessThan(1_000_000);
    expect(text.match(/<svg id="ladder-/g)).toHaveLength(2);
    expect(text).toContain('998 more connections are in verdict.json.');
  });

  it.each(HOSTILE)('keeps %j as text wherever it stands', hostile => {
    expectOnlyOurMarkup(htmlReport(withTexts(material, () => hostile)));
  });

  it('keeps any texts as text', () => {
    const texts = fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...HOSTILE)), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(texts, list => {
        let next = 0;
        const page = htmlReport(withTexts(material, () => list[next++ % list.length]!));
        expectOnlyOurMarkup(page);
      }),
      { numRuns: 60 },
    );
  });
});
