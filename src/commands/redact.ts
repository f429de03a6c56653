/** `stalesum redact BUNDLE --out PATH` */
import { StalesumError } from '../errors.js';
import { bundlePlace } from '../evidence/bundle-place.js';
import { defaultKeyPath, loadKey } from '../evidence/redact/key.js';
import { isWithin, type Redaction, redactBundle } from '../evidence/redact/redact-bundle.js';
import { printable, writeResult } from '../output.js';
import { finishFolder } from '../report/finish-bundle.js';
import type { OutputOptions } from './options.js';

export interface RedactCommandOptions extends OutputOptions {
  readonly out: string;
  readonly key?: string;
}

export const REDACTION_SCHEMA = 'stalesum.redaction/1';

/** Makes the copy and says what was done; returns the exit code. */
export async function redact(bundle: string, options: RedactCommandOptions): Promise<number> {
  const place = bundlePlace(options.out);
  const keyPath = options.key ?? defaultKeyPath();
  if (isWithin(keyPath, options.out) || isWithin(keyPath, bundle)) {
    throw new StalesumError(
      'usage',
      `${keyPath}: the key must not lie with the evidence`,
      'Name a place outside with --key.',
    );
  }
  if (isWithin(options.out, bundle)) {
    throw new StalesumError('usage', `${options.out}: the copy must not lie in the original`);
  }
  const key = await loadKey(keyPath);
  if (key.isExposed) warn(`${keyPath}: others can read the key (chmod 600)`);
  const redaction = await redactBundle(bundle, { place, key, finish: finishFolder });
  if (options.json) {
    const { verdict, ...counts } = redaction;
    const document = {
      schema: REDACTION_SCHEMA,
      verdict: verdict.verdict,
      grade: verdict.grade,
      ...counts,
    };
    await writeResult(`${JSON.stringify(document, null, 2)}\n`);
  } else await writeResult(summary(options.out, redaction, keyPath, key.isNew));
  return 0;
}

function summary(out: string, redaction: Redaction, keyPath: string, isNew: boolean): string {
  const { replaced, verdict, frames, notUnderstood, captures, leftOut } = redaction;
  const unknown = notUnderstood === 0 ? '' : `, ${notUnderstood} not decoded and blank in the copy`;
  const lines: [string, string][] = [
    ['copy', out],
    [
      'replaced',
      `${replaced.ips} IP and ${replaced.macs} MAC addresses, ${replaced.names} words of names`,
    ],
    ['captures', `${captures} with ${frames} frames${unknown}; payload left out`],
    ['verdict', `${verdict.verdict}, ${verdict.grade}: the same of the copy`],
    ['searched', 'nothing original is left'],
    ['key', `${keyPath}${isNew ? ', made just now' : ''}: keep it, and keep it apart`],
  ];
  if (leftOut.length > 0) lines.push(['left out', `not known: ${leftOut.join(', ')}`]);
  return lines.map(([label, text]) => `${label.padEnd(9)} ${printable(text)}\n`).join('');
}

function warn(text: string): void {
  process.stderr.write(`stalesum: ${printable(text)}\n`);
}
