/** How a machine is heard out, with a program of ours in qemu's place. Real ones are in test/guest-boot. */
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootGuest, type Patience } from '../../src/guest/boot.js';
import { type MessageKind, messageBytes } from '../../src/guest/channel.js';
import type { Accelerator } from '../../src/guest/qemu.js';

let folder: string;
let descriptor: number;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'stalesum-boot-'));
  descriptor = openSync('/dev/null', 'r');
});
afterAll(() => {
  closeSync(descriptor);
  rmSync(folder, { recursive: true });
});

const say = (text: string) => `write(3, ${JSON.stringify(text)});`;
const tell = (kind: MessageKind, body: string) =>
  `write(4, Buffer.from('${messageBytes(kind, Buffer.from(body)).toString('hex')}', 'hex'));`;
const hang = 'setInterval(() => undefined, 1000);';

const soon: Patience = { firstWord: { kvm: 1, tcg: 1 }, silentBoot: 1, boot: 20, silentGuest: 1 };
const long: Patience = {
  firstWord: { kvm: 30, tcg: 30 },
  silentBoot: 30,
  boot: 30,
  silentGuest: 30,
};

/** Boots a machine that does what the program says. */
async function boot(program: string, { kind = 'tcg' as Accelerator, patience = long } = {}) {
  const qemu = join(folder, 'qemu');
  // Node has its own descriptors on 3 and 4 unless they are inherited, as here.
  const start = `#!${process.execPath}\nconst { writeSync: write } = require('node:fs');\n`;
  writeFileSync(qemu, start + program);
  chmodSync(qemu, 0o755);
  const heard: string[] = [];
  const end = await bootGuest(
    {
      qemu,
      image: { path: '/boot/vmlinuz', release: '6.1.0-test' },
      initramfs: { descriptor, bytes: 0, close: () => undefined },
      memoryMebibytes: 512,
    },
    kind,
    {
      booting: () => undefined,
      message: message => heard.push(`${message.kind} ${message.body}`),
    },
    patience,
  );
  return { end, heard };
}

test('the guest is heard out and ended at its last word', async () => {
  const program = [
    say('[    0.000000] Linux version 6.1\n'),
    tell('hello', '6.1.0-test'),
    tell('stdout', 'the result'),
    tell('exit', '3'),
    hang,
  ];
  expect(await boot(program.join('\n'))).toEqual({
    end: { kind: 'done', exitCode: 3 },
    heard: ['hello 6.1.0-test', 'stdout the result'],
  });
});

test('an accelerator that does not begin to boot is told apart', async () => {
  expect(await boot('process.exit(1)', { kind: 'kvm' })).toMatchObject({
    end: { kind: 'never-began' },
  });
  expect(await boot(hang, { kind: 'kvm', patience: soon })).toMatchObject({
    end: { kind: 'never-began' },
  });
});

describe('a machine that fails is a fault with the last words of its console', () => {
  const fails = (program: string, patience = long) =>
    boot(program, { patience }).then(
      () => 'no fault',
      fault => ({ kind: fault.kind, message: fault.message, remedy: fault.remedy }),
    );

  test('a panic, in the kernel’s own words', async () => {
    const panic = '[    1.2] Kernel panic - not syncing: Attempted to kill init!\r\n';
    expect(
      await fails(say(`[    1.1] one\u001b[2J line\r\n${panic}[    1.3] Call Trace:\r\n`)),
    ).toEqual({
      kind: 'missing-tool',
      message: 'Linux 6.1.0-test in qemu: kernel panic: Attempted to kill init!',
      remedy:
        'its last words:\n    [    1.1] one [2J line\n' +
        '    [    1.2] Kernel panic - not syncing: Attempted to kill init!',
    });
  });

  test('qemu itself', async () => {
    const program = "process.stderr.write('qemu: no such machine\\n'); process.exitCode = 1;";
    expect(await fails(program)).toEqual({
      kind: 'missing-tool',
      message: 'Linux 6.1.0-test in qemu: the machine ended before it was done (qemu: exit code 1)',
      remedy: 'qemu says: qemu: no such machine\n  its console stayed empty',
    });
  });

  test.each([
    ['that never speaks', hang, 'it has said nothing for 1 s'],
    ['that hangs while it boots', say('Booting\n') + hang, 'it has said nothing for 1 s'],
    ['that is gone silent', tell('hello', '6.1') + hang, 'it has not answered for 1 s'],
  ])('one %s', async (_, program, words) => {
    expect(await fails(program, soon)).toMatchObject({
      kind: 'missing-tool',
      message: `Linux 6.1.0-test in qemu: ${words}`,
    });
  });

  test('what cannot be understood', async () => {
    expect(await fails(`write(4, 'garbage'); ${hang}`)).toMatchObject({
      kind: 'internal',
      message: 'what arrives from the guest is garbled',
    });
  });
});
