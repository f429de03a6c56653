/**
 * Process 1 of the guest, run by Node: mounts what programs expect, loads the modules, runs the command,
 * and says on the channel what it says. The host ends the machine; if this process ends first, the kernel
 * panics, and the host sees that.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { release } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { createGzip } from 'node:zlib';
import koffi from 'koffi';
import { packTar, type TarSource } from 'modern-tar/fs';
import { MACHINE_VARIABLE } from '../guest-environment.js';
import { shellExitCode } from '../node/exit-code.js';
import {
  ALIVE_SECONDS,
  CHANNEL_PORT,
  type GuestOrder,
  type MessageKind,
  messageBytes,
  ORDER_FILE,
} from './channel.js';

const FINIT_MODULE = 313;
const EEXIST = 17;
/** More than any C library's struct termios. */
const TERMIOS_BYTES = 256;
const TCSANOW = 0;

const libc = koffi.load(null);
const mount = libc.func('int mount(const char *, const char *, const char *, ulong, void *)');
const systemCall = libc.func('long syscall(long, ...)');
const tcgetattr = libc.func('int tcgetattr(int, void *)');
const tcsetattr = libc.func('int tcsetattr(int, int, void *)');
const cfmakeraw = libc.func('void cfmakeraw(void *)');

const order = JSON.parse(readFileSync(ORDER_FILE, 'utf8')) as GuestOrder;
mountFileSystem('proc', '/proc');
mountFileSystem('sysfs', '/sys');
const channel = openChannel();
say('hello', release());
const alive = setInterval(() => say('alive', ''), ALIVE_SECONDS * 1000);
order.modules.forEach(loadModule);
const exitCode = await run(order);
await sendResults(order.outputs);
clearInterval(alive);
say('exit', String(exitCode));
// Until the host has read it.
setInterval(() => undefined, 1 << 30);

function mountFileSystem(kind: string, path: string): void {
  if (mount(kind, path, kind, 0, null) !== 0) throw new Error(`mount ${path}: ${lastError()}`);
}

/** Bytes are to arrive as they are said, so the terminal is told to leave them alone. */
function openChannel(): number {
  const descriptor = openSync(`/dev/${CHANNEL_PORT}`, 'r+');
  const settings = Buffer.alloc(TERMIOS_BYTES);
  if (tcgetattr(descriptor, settings) !== 0) throw new Error(`${CHANNEL_PORT}: ${lastError()}`);
  cfmakeraw(settings);
  if (tcsetattr(descriptor, TCSANOW, settings) !== 0) {
    throw new Error(`${CHANNEL_PORT}: ${lastError()}`);
  }
  return descriptor;
}

/** Waits until it is taken: nothing here is in a hurry, and nothing may come twice or out of order. */
function say(kind: MessageKind, body: string | Uint8Array): void {
  const bytes = messageBytes(kind, Buffer.from(body));
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(channel, bytes, sent);
}

/** What is built in, or was brought by another one, is there already. */
function loadModule(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    const failed = systemCall(FINIT_MODULE, 'int', descriptor, 'const char *', '', 'int', 0) !== 0;
    if (failed && koffi.errno() !== EEXIST) say('warning', `${path}: ${lastError()}`);
  } finally {
    closeSync(descriptor);
  }
}

async function run({ command, environment, folder }: GuestOrder): Promise<number> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    cwd: folder,
    // The host put it on the kernel's command line, which hands it on to process 1.
    env: { ...environment, [MACHINE_VARIABLE]: process.env[MACHINE_VARIABLE] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (bytes: Buffer) => say('stdout', bytes));
  child.stderr.on('data', (bytes: Buffer) => say('stderr', bytes));
  const [code, signal] = await once(child, 'close');
  return shellExitCode(code, signal);
}

/** Each output under the number that it has in the order. */
async function sendResults(outputs: readonly string[]): Promise<void> {
  const sources = outputs.flatMap((source, index): TarSource[] => {
    if (!existsSync(source)) return [];
    const type = statSync(source).isDirectory() ? 'directory' : 'file';
    return [{ type, source, target: String(index) }];
  });
  for await (const bytes of packTar(sources).pipe(createGzip())) say('results', bytes as Buffer);
}

function lastError(): string {
  const number = koffi.errno();
  const [name, words] = getSystemErrorMap().get(-number) ?? [`error ${number}`, ''];
  return `${words} (${name})`;
}
