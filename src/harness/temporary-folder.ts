/** A folder that is gone with its run, whatever ends it. */
import { tmpdir } from 'node:os';
import { StalesumError } from '../errors.js';
import { firstLine, startChild } from '../node/child.js';
import { findCommand } from '../node/find-command.js';

export interface TemporaryFolder {
  readonly path: string;
  /** It stays. */
  keep(): Promise<void>;
  remove(): Promise<void>;
}

/** A shell makes it and holds it: when we are gone, `kill -9` included, its input ends and it removes it. */
const HOLD = `trap '' PIPE HUP INT TERM
folder=$(mktemp -d "$1/stalesum-run-XXXXXX") || exit 1
echo "$folder"
read -r word
[ "$word" = keep ] || rm -rf "$folder"`;

/** @throws StalesumError `write-failed` if none can be made */
export async function makeTemporaryFolder(): Promise<TemporaryFolder> {
  const held = startChild([findCommand('sh'), '-c', HOLD, 'sh', tmpdir()], {
    openInput: true,
    outlivesUs: true,
  });
  let words = '';
  held.stderr.on('data', chunk => {
    words += String(chunk);
  });
  const path = await firstLine(held);
  if (path === undefined) {
    throw new StalesumError('write-failed', `no temporary folder: ${words.trim()}`);
  }
  const end = async () => {
    held.closeInput();
    await held.ended;
  };
  return {
    path,
    keep: async () => {
      held.write('keep\n');
      await end();
    },
    remove: end,
  };
}
