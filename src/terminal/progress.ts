import { TERMINAL_VARIABLE } from '../guest-environment.js';

/** One changing line on a terminal while something takes long; nothing at all in a pipe. */
export interface Progress {
  show(text: string): void;
  /** Takes the line away. */
  clear(): void;
}

/** A terminal that does not tell its width (a serial line) has that of a card. */
const DEFAULT_COLUMNS = 80;

function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY || process.env[TERMINAL_VARIABLE] === '1';
}

/** @param quiet true: show nothing, whatever standard error is */
export function progressOn(stream: NodeJS.WriteStream, quiet: boolean): Progress {
  if (quiet || !isTerminal(stream)) return { show: () => undefined, clear: () => undefined };
  const clear = () => {
    stream.write('\r\u001b[K');
  };
  return {
    show: text => {
      clear();
      stream.write(text.slice(0, (stream.columns || DEFAULT_COLUMNS) - 1));
    },
    clear,
  };
}
