/**
 * A clone to set up in milliseconds: the real scripts/, and in place of npm, tsc and the system tools small
 * programs that write down how they were called. It is made in a temporary folder.
 */
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Every command that the set-up looks for, so that it never installs anything on the machine that tests. */
const systemTools =
  'ip bridge ss iptables iptables-save iptables-restore nft conntrack ethtool tcpdump unshare nsenter setpriv tshark editcap capinfos ipset bc setsid ssh ssh-keygen sshd podman crun kubectl openssl python3 bash curl nc dig chromium qemu-system-x86_64 cpio bsdtar depmod';

const fakeNpm = `
const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs');
appendFileSync('calls.log', 'npm ' + process.argv.slice(2).join(' ') + ' uid=' + process.getuid() + '\\n');
if (process.env.FAKE_NPM_FAILS) { console.error('npm error E404'); process.exit(1); }
mkdirSync('node_modules/typescript/bin', { recursive: true });
writeFileSync('node_modules/typescript/package.json', '{"type":"commonjs"}');
writeFileSync('node_modules/typescript/bin/tsc', process.env.FAKE_TSC);
mkdirSync('node_modules/assemblyscript/bin', { recursive: true });
writeFileSync('node_modules/assemblyscript/package.json', '{"type":"commonjs"}');
writeFileSync('node_modules/assemblyscript/bin/asc.js', process.env.FAKE_ASC);
mkdirSync('node_modules/rolldown', { recursive: true });
writeFileSync('node_modules/rolldown/package.json', '{"type":"module","main":"index.js"}');
writeFileSync('node_modules/rolldown/index.js', process.env.FAKE_ROLLDOWN);
`;

/** Copies src/*.ts to *.js; a source that has the word BROKEN does not compile. */
const fakeTsc = `
const { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync } = require('node:fs');
appendFileSync('calls.log', 'tsc uid=' + process.getuid() + '\\n');
const out = process.argv[process.argv.indexOf('--outDir') + 1];
mkdirSync(out);
for (const name of readdirSync('src')) {
  if (readFileSync('src/' + name, 'utf8').includes('BROKEN')) {
    console.log('src/' + name + '(1,1): error TS1005');
    process.exit(1);
  }
  cpSync('src/' + name, out + '/' + name.replace('.ts', '.js'));
}
`;

/** Leaves what tsc made as it is; an entry that has the word UNBUNDLED is refused. */
const fakeRolldown = `
import { readFileSync } from 'node:fs';
export async function build({ input }) {
  const { cli } = input;
  if (cli && readFileSync(cli, 'utf8').includes('UNBUNDLED')) {
    console.error('cli.ts: UNRESOLVED_IMPORT');
    process.exit(1);
  }
}
`;

/** Copies assembly/index.ts; one that has the word BROKEN does not compile. */
const fakeAsc = `
const { readFileSync, writeFileSync } = require('node:fs');
const source = readFileSync('assembly/index.ts', 'utf8');
if (source.includes('BROKEN')) {
  console.log('assembly/index.ts: ERROR TS1005');
  process.exit(1);
}
writeFileSync(process.argv[process.argv.indexOf('--outFile') + 1], source);
`;

/** Says how it was called, and ends as the test wants. */
const fakeProgram = `
if (process.env.FAKE_WAITS) {
  process.on('SIGTERM', () => { console.log('cleaned up'); process.exit(143); });
  setInterval(() => {}, 1000);
}
console.log('stalesum ' + process.argv.slice(2).join(' '));
process.exitCode = process.argv[2] === 'analyze' ? 1 : Number(process.env.FAKE_EXIT ?? 0);
`;

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly ended: Promise<Ended>;
  /** Resolves once the text was written to one of the outputs. */
  readonly said: (text: string) => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

export class FakeClone {
  readonly path = mkdtempSync(join(tmpdir(), 'stalesum-clone-'));
  readonly toolFolder = join(this.path, 'tools');

  constructor() {
    cpSync(join(repository, 'scripts'), join(this.path, 'scripts'), { recursive: true });
    this.write('package.json', '{"type":"module","engines":{"node":">=20.19"}}');
    this.write('package-lock.json', '{}');
    this.write('tsconfig.json', '{}');
    this.write('tsconfig.build.json', '{}');
    this.write('src/cli.ts', fakeProgram);
    this.write('assembly/index.ts', 'kernel');
    this.write('npm/npm-cli.js', fakeNpm);
    this.write('npm/package.json', '{"type":"commonjs"}');
    for (const name of systemTools.split(' ')) this.writeTool(name, '#!/bin/sh\n');
  }

  /** Ends the clone, or a file or folder of it. */
  remove(file = '.'): void {
    rmSync(join(this.path, file), { recursive: true, force: true });
  }

  write(file: string, text: string): void {
    mkdirSync(join(this.path, file, '..'), { recursive: true });
    writeFileSync(join(this.path, file), text);
  }

  writeTool(name: string, text: string): void {
    this.write(join('tools', name), text);
    chmodSync(join(this.toolFolder, name), 0o755);
  }

  read(file: string): string {
    return readFileSync(join(this.path, file), 'utf8');
  }

  has(file: string): boolean {
    return existsSync(join(this.path, file));
  }

  /** How npm, tsc and apt-get were called since this was last asked. */
  calls(): string[] {
    const lines = this.has('calls.log') ? this.read('calls.log').trim().split('\n') : [];
    this.remove('calls.log');
    return lines;
  }

  /** The first word of each of those calls. */
  callNames(): string[] {
    return this.calls().map(line => line.split(' ')[0] ?? '');
  }

  run(
    script: string,
    args: readonly string[] = [],
    env: Record<string, string> = {},
  ): Promise<Ended> {
    return this.start([join('scripts', script), ...args], env).ended;
  }

  /** Calls setUp with other folders to look for tools in, and prints what it returns. */
  setUp(options: Record<string, unknown>, env: Record<string, string> = {}): Promise<Ended> {
    const call = `
      import { start } from ${JSON.stringify(join(this.path, 'scripts/setup/start.mjs'))};
      import { setUp } from ${JSON.stringify(join(this.path, 'scripts/setup/set-up.mjs'))};
      const main = async () => {
        const missing = await setUp(${JSON.stringify({ root: this.path, ...options })});
        console.log(missing.flatMap(entry => entry.commands).join(' '));
        return 0;
      };
      start(async () => ({ main }));`;
    return this.start(['--input-type=module', '-e', call], env).ended;
  }

  start(args: readonly string[], env: Record<string, string> = {}): Running {
    const child = spawn(process.execPath, args, {
      cwd: this.path,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: this.toolFolder,
        npm_execpath: join(this.path, 'npm/npm-cli.js'),
        FAKE_TSC: fakeTsc,
        FAKE_ASC: fakeAsc,
        FAKE_ROLLDOWN: fakeRolldown,
        ...env,
      },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', exitCode => resolve({ exitCode, ...output }));
    });
    const said = (text: string) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          if (`${output.stdout}${output.stderr}`.includes(text)) resolve();
        };
        for (const stream of [child.stdout, child.stderr]) stream.on('data', look);
        child.once('close', () => reject(new Error(`ended without saying "${text}"`)));
        look();
      });
    return { ended, said, kill: signal => child.kill(signal) };
  }
}
