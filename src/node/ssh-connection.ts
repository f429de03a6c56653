/**
 * One connection of OpenSSH that carries all commands for a node (ControlMaster), its socket in a folder
 * of our own. A shell holds the connection for us, and ends it and removes the folder when we are gone,
 * `kill -9` included. Nothing ever asks: what would need an answer fails, in words.
 */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, StalesumError } from '../errors.js';
import { firstLine, settlesWithin, startChild } from './child.js';
import { findCommand } from './find-command.js';

export interface SshConnection {
  /** The command line of this machine that has the login shell there execute `words`. */
  commandLine(words: string): readonly string[];
  /** What ended the connection, in ssh's words; `undefined` while it stands. */
  loss(): Promise<string | undefined>;
  close(): Promise<void>;
}

const CONNECT_SECONDS = 15;
/** With name resolution, jump hosts and slow authentication. */
const PATIENCE_SECONDS = 45;
const POLL_MILLISECONDS = 20;
/** What a connection that breaks gets to say so, once a command of it has failed. */
const LOSS_SECONDS = 1;
const CLOSE_SECONDS = 3;

/** A broken connection is noticed after 15 s of silence. */
const COMMON = [
  ...['-T', '-a', '-x', '-e', 'none'],
  ...['-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR', '-o', 'ClearAllForwardings=yes'],
  ...['-o', 'PermitLocalCommand=no', '-o', 'RemoteCommand=none', '-o', 'ControlPersist=no'],
];
const MASTER = [
  ...['-M', '-N', '-o', `ConnectTimeout=${CONNECT_SECONDS}`],
  ...['-o', 'ServerAliveInterval=5', '-o', 'ServerAliveCountMax=3'],
];
/** Without the master no command may make a connection of its own. */
const CLIENT = ['-o', 'ControlMaster=no', '-o', 'ProxyCommand=false'];

/**
 * $1: where the folder is made; behind it the command line of the connection. The shell makes the folder,
 * says its name, and removes it again: whenever we are gone, one of the two is known to it.
 */
const HOLD = `trap '' PIPE
folder=$(mktemp -d "$1/stalesum-ssh-XXXXXX") || exit 1
shift
echo "$folder"
exec 3<&0 </dev/null
"$@" -S "$folder/ssh" -- "$0" 3<&- &
master=$!
{ read -r end; kill -s TERM "$master"; } <&3 3<&- >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$master"
code=$?
kill -s KILL "$watch" 2>/dev/null
rm -rf "$folder"
exit "$code"`;

/**
 * Connects.
 *
 * @param destination As ssh(1) takes it, checked before.
 * @throws StalesumError `not-permitted`, `unavailable`, or `missing-tool` without ssh
 */
export async function connect(destination: string): Promise<SshConnection> {
  const ssh = findCommand('ssh');
  // A percent sign would begin a token of ssh's, and a socket's path must be short.
  const where = /^[\w./-]{1,60}$/.test(tmpdir()) ? tmpdir() : '/tmp';
  const held = startChild(
    [findCommand('sh'), '-c', HOLD, destination, where, ssh, ...MASTER, ...COMMON],
    { openInput: true, outlivesUs: true },
  );
  let words = '';
  held.stderr.on('data', chunk => {
    words += String(chunk);
  });
  const close = async () => {
    held.closeInput();
    if (!(await settlesWithin(held.ended, CLOSE_SECONDS))) await held.stop('SIGKILL');
  };
  const folder = await firstLine(held);
  const socket = `${folder}/ssh`;
  if (folder === undefined || !(await stands(socket, held.ended))) {
    await close();
    throw refusal(destination, words);
  }
  return {
    commandLine: text => [ssh, ...CLIENT, ...COMMON, '-S', socket, '--', destination, text],
    loss: async () => {
      if (!(await settlesWithin(held.ended, LOSS_SECONDS))) return undefined;
      return messageOf(words.trim() || 'ssh does not say why');
    },
    close,
  };
}

/** Waits for the socket, which is there once the user is let in; false if the connection ended. */
async function stands(socket: string, ended: Promise<unknown>): Promise<boolean> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  const deadline = performance.now() + PATIENCE_SECONDS * 1000;
  while (!over && performance.now() < deadline) {
    if (existsSync(socket)) return true;
    await sleep(POLL_MILLISECONDS);
  }
  return false;
}

function refusal(destination: string, words: string): StalesumError {
  const text = messageOf(words.trim() || `no connection within ${PATIENCE_SECONDS} s`);
  const message = `ssh to ${destination}: ${text}`;
  if (/Host key verification failed|REMOTE HOST IDENTIFICATION/i.test(text)) {
    const remedy = `its key is not among your known hosts: connect once by hand and compare it: ssh ${destination}`;
    return new StalesumError('not-permitted', message, remedy);
  }
  if (/Permission denied|Too many authentication failures/i.test(text)) {
    const remedy = `"ssh ${destination}" must work without a question: a key without passphrase, or one in your agent`;
    return new StalesumError('not-permitted', message, remedy);
  }
  return new StalesumError('unavailable', message);
}
