/** Material of reports: of recordings, and with every text in it replaced by another. */
import { DEFAULT_EXIT_POLICY } from '../../src/analysis/exit-code.js';
import { examineSources } from '../../src/evidence/examine.js';
import { gatherReportMaterial, type ReportMaterial } from '../../src/evidence/report-material.js';
import { withSources } from '../../src/evidence/sources.js';

/** What a report of this folder, or of these captures, is made of. */
export function materialOf(...paths: string[]): Promise<ReportMaterial> {
  return withSources(paths, async sources => {
    const verdict = await examineSources(sources, {
      tunnelPorts: [],
      policy: DEFAULT_EXIT_POLICY,
    });
    return gatherReportMaterial(sources, verdict, { kind: 'absent' });
  });
}

/** Keys whose values are not text of an input but words or numbers of our own. */
const OWN_WORDS: ReadonlySet<string> = new Set([
  'verdict',
  'grade',
  'state',
  'role',
  'kind',
  'protocol',
  'encapsulation',
  'stored',
  'correct',
  'firstSeen',
  'lastSeen',
  'pass',
  'schema',
  'outcome',
]);

/** The same with each text replaced, names of captures alike wherever they stand. */
export function withTexts<T>(value: T, replace: (text: string) => string): T {
  return mapped(value, '', replace) as T;
}

function mapped(value: unknown, key: string, replace: (text: string) => string): unknown {
  if (typeof value === 'string') return OWN_WORDS.has(key) ? value : replace(value);
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(item => mapped(item, key, replace));
  if (value instanceof Map) {
    return new Map(
      [...value].map(([name, item]) => [replace(String(name)), mapped(item, '', replace)]),
    );
  }
  if (value instanceof Set) return new Set([...value].map(item => mapped(item, key, replace)));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, mapped(item, name, replace)]),
  );
}

/** Texts that have broken out of reports elsewhere. */
export const HOSTILE = [
  '<script>window.hurt = 1</script>',
  '"><img src=x onerror="window.hurt = 1">',
  "'><svg/onload=window.hurt=1>",
  '--></style></title></textarea><iframe src="http://example.invalid/">',
  '</text></svg><body onload=alert(1)>',
  ']]><!ENTITY x SYSTEM "file:///etc/passwd">&x;&lt;&#x3c;script&#62;',
  'javascript:alert(1) [x](javascript:alert(1)) ![x](http://example.invalid/x.png)',
  '| a | b |\n|---|---|\n```\n# heading\n- [ ] task\n<details>',
  '`` ` ``` `````` \\` \\\\ \\| ||',
  '@everyone #1 org/repo#2 ~~gone~~ $x^2$ __bold__ *a* **b** _c_ <http://example.invalid/>',
  "'; touch /tmp/hurt; echo '$(touch /tmp/hurt)`touch /tmp/hurt`",
  '\u202e\u2066gnp.exe\u2069 \u200b\ufeff\ud800\u0000\u001b[31m\r\n\ufffe\uffff',
  '1. item',
  '> quote',
  '=====',
  '    code',
] as const;
