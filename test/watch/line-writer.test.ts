import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LineWriter } from '../../src/watch/line-writer.js';

const LINE = `${'x'.repeat(999)}\n`;
const MEBIBYTE = 1 << 20;

describe('lines', () => {
  it('for a reader who does not read are kept up to a bound, and counted beyond it', () => {
    const waiting: (() => void)[] = [];
    const stream = new Writable({ write: (_chunk, _encoding, done) => waiting.push(done) });
    const writer = new LineWriter(stream, () => undefined);
    for (let i = 0; i < 20_000; i++) writer.write(LINE);
    expect(stream.writableLength).toBeLessThan(5 * MEBIBYTE);
    const written = stream.writableLength / LINE.length;
    expect(writer.dropped).toBe(20_000 - written);
  });

  it('for one who reads are all written', async () => {
    let bytes = 0;
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        bytes += chunk.length;
        setImmediate(done);
      },
    });
    const writer = new LineWriter(stream, () => undefined);
    for (let i = 0; i < 100; i++) writer.write(LINE);
    expect(await writer.drained()).toBe(true);
    expect([bytes, writer.dropped, writer.fault]).toEqual([100 * LINE.length, 0, undefined]);
  });

  it('wait for a reader at the end, but not for ever', async () => {
    const writer = new LineWriter(new Writable({ write: () => undefined }), () => undefined);
    writer.write(LINE);
    expect(await writer.drained()).toBe(false);
  });

  it.each([
    ['EPIPE', undefined],
    ['ENOSPC', { kind: 'write-failed', message: expect.stringContaining('disk full') }],
  ])('that cannot be written end the watch: %s', async (code, fault) => {
    let gone = 0;
    const stream = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('disk full'), { code })),
    });
    const writer = new LineWriter(stream, () => {
      gone++;
    });
    writer.write(LINE);
    await new Promise(setImmediate);
    expect(gone).toBe(1);
    if (fault) expect(writer.fault).toMatchObject(fault);
    else expect(writer.fault).toBeUndefined();
  });
});
