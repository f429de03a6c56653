/** Standard output for results, standard error for progress, and what may be printed on a terminal. */
import { messageOf, StalesumError } from './errors.js';

/**
 * Writes to standard output and waits until it is taken. A reader that has gone (`| head`) is no
 * fault. @throws StalesumError `write-failed`
 */
export async function writeResult(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const fail = (thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'EPIPE') resolve();
      else reject(new StalesumError('write-failed', `writing the result: ${messageOf(thrown)}`));
    };
    process.stdout.once('error', fail);
    process.stdout.write(text, error => {
      if (error) fail(error);
      else resolve();
    });
  });
}

/**
 * Text from a capture, a node or a file name, with everything taken out that could steer a terminal or
 * deceive its reader: control and format characters (bidi, zero-width, tags), line and paragraph
 * separators, lone surrogates.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ');
}
