/** What a run says on standard error: a changing line while it goes on, and lines that stay. */
import { printable } from '../output.js';
import { progressOn } from './progress.js';

export interface Voice {
  show(text: string): void;
  /** A line that stays. */
  warn(text: string): void;
  clear(): void;
}

export const SILENT: Voice = {
  show: () => undefined,
  warn: () => undefined,
  clear: () => undefined,
};

/** @param quiet true: says nothing */
export function voiceOn(quiet: boolean): Voice {
  const progress = progressOn(process.stderr, quiet);
  return {
    show: text => progress.show(text),
    warn: text => {
      progress.clear();
      if (!quiet) process.stderr.write(`stalesum: ${printable(text)}\n`);
    },
    clear: () => progress.clear(),
  };
}
