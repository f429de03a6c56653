/** Arguments for a shell that is not ours to choose. */

/**
 * An argument as a word of a POSIX shell (IEEE Std 1003.1, 2.2.2): within single quotes nothing has a
 * meaning but the single quote itself.
 */
export function shellWord(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`;
}
