/**
 * A failure that the person at the terminal can do something about: a message and an exit code, and before
 * the message what the command that failed had to say.
 */
export class SetupFault extends Error {
  constructor(exitCode, message, output = '') {
    super(message);
    this.name = 'SetupFault';
    this.exitCode = exitCode;
    this.details = output === '' ? '' : `${output.trimEnd()}\n`;
  }
}

/** One line of what the set-up does, on stderr. */
export function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}
