/**
 * Frames made at random (test/offline/generator.ts) keep in the copy what each checksum was: the state, the
 * difference and so the recovered port, by src/wire's judgement, which is held against tshark elsewhere.
 */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIp, parseAddress } from '../../../src/evidence/redact/address-bytes.js';
import { AddressMap } from '../../../src/evidence/redact/address-map.js';
import type { PortRewrite } from '../../../src/evidence/redact/checksums.js';
import { addressKeys, keyOf } from '../../../src/evidence/redact/key.js';
import { type FrameRedaction, redactFrame } from '../../../src/evidence/redact/packet.js';
import { addressWords } from '../../../src/wire/address.js';
import { add, congruent, fold, subtract } from '../../../src/wire/checksum.js';
import { emptyFinding, judgePacket } from '../../../src/wire/checksum-state.js';
import { DEFAULT_TUNNEL_PORTS, emptyPacket, walkPacket } from '../../../src/wire/packet.js';
import {
  type AddressChange,
  difference,
  mangledZero,
  recoverSourcePort,
} from '../../../src/wire/port-recovery.js';
import { generate, ODD_PORT } from '../../offline/generator.js';
import { ethernet, ip, TCP, tcp, tunnelFrame } from '../../support/packet-builder.js';

const PORTS = new Set([...DEFAULT_TUNNEL_PORTS, ODD_PORT]);

function redactionBy(secret: Uint8Array): FrameRedaction {
  return {
    addresses: new AddressMap(addressKeys(keyOf(secret))),
    tunnelPorts: PORTS,
    hashPayload: payload => createHmac('sha256', secret).update(payload).digest(),
    portRewrite: () => undefined,
  };
}

function judged(bytes: Uint8Array, originalLength: number) {
  const packet = emptyPacket();
  const inner = emptyFinding();
  const outer = emptyFinding();
  const view = new DataView(bytes.buffer);
  const kind = walkPacket(view, 0, bytes.length, 1, PORTS, packet, originalLength);
  if (kind !== 'none') judgePacket(view, packet, inner, outer);
  return { kind, packet, inner, outer };
}

describe('generated frames', () => {
  test('keep their checksum states, differences and recovered ports', () => {
    let frames = 0;
    const chance: string[] = [];
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.integer(), (secret, seed) => {
        const redaction = redactionBy(secret);
        for (const { bytes, originalLength } of generate(seed, 40)) {
          const original = Uint8Array.from(bytes);
          const copy = Uint8Array.from(redactFrame(original, 1, originalLength, redaction).bytes);
          const [a, b] = [judged(original, originalLength), judged(copy, originalLength)];
          frames++;
          expect(copy.length).toBe(original.length);
          expect(b.kind).toBe(a.kind);
          for (const layer of ['inner', 'outer'] as const) {
            const [x, y] = [a[layer], b[layer]];
            // A pending field may also be the right one, by chance.
            if (x.state !== y.state) chance.push(`${layer} ${x.state} ${y.state}`);
            else if (x.state === 'mismatch' && x.stored !== 0xffff) {
              const port = a.packet.sourcePort;
              expect(difference({ sourcePort: port, ...y })).toBe(
                difference({ sourcePort: port, ...x }),
              );
              const [before, after] = [x, y].map(field =>
                recoverSourcePort({ sourcePort: 40000, ...field }),
              );
              expect(congruent(before!, after!)).toBe(true);
            } else if (x.state === 'mismatch' && layer === 'outer') expect(y.stored).toBe(0xffff);
          }
        }
      }),
      { numRuns: 60 },
    );
    expect(frames).toBeGreaterThan(2000);
    expect(chance.length).toBeLessThan(4);
  });
});

describe('a datagram whose address was rewritten too', () => {
  const port = fc.integer({ min: 1024, max: 65534 });
  const host = fc.integer({ min: 1, max: 254 });
  const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const inside = ethernet({
    payload: ip({
      source: '10.244.0.0',
      destination: '10.244.1.2',
      protocol: TCP,
      payload: tcp({
        source: '10.244.0.0',
        destination: '10.244.1.2',
        sourcePort: 40001,
        destinationPort: 8080,
        checksum: 'partial',
      }),
    }),
  });
  const framed = (source: string, sourcePort: number, checksum: number) =>
    Uint8Array.from(
      tunnelFrame({ source, destination: '192.168.50.2', sourcePort, checksum, frame: inside }),
    );
  const changed = (before: string, after: string): AddressChange => ({
    before: addressWords(before)!,
    after: addressWords(after)!,
  });
  /** The change as it is in a copy. */
  const copiedChange = ({ addresses }: FrameRedaction, before: string, after: string) => {
    const name = (address: string) => formatIp(addresses.ip(parseAddress(address)!));
    return changed(name(before), name(after));
  };

  test('names the same port in the copy, by the arithmetic with its two addresses', () => {
    fc.assert(
      fc.property(secret, port, port, host, host, (key, before, after, a, b) => {
        fc.pre(a !== b && before !== after);
        const [from, to] = [`192.168.50.${a}`, `192.168.60.${b}`];
        const change = changed(from, to);
        // What stands there is made by the formula of THE BUG: old = new + correct - stored + 2 x moved.
        const { correct } = judged(framed(to, after, 0x1234), 0).outer;
        const moved = subtract(
          fold(change.after[0]! + change.after[1]!),
          fold(change.before[0]! + change.before[1]!),
        );
        const stored = subtract(add(add(after, correct), add(moved, moved)), before);
        const redaction = redactionBy(key);
        const copyChange = copiedChange(redaction, from, to);
        const rewrite: PortRewrite = {
          state: 'stale',
          change: { original: change, copy: copyChange },
        };
        const frame = framed(to, after, stored);
        const known = { ...redaction, portRewrite: () => rewrite };
        const copy = Uint8Array.from(redactFrame(frame, 1, frame.length, known).bytes);
        const { outer } = judged(copy, copy.length);
        fc.pre(outer.state === 'mismatch' && outer.stored !== 0xffff);
        expect(recoverSourcePort({ sourcePort: after, ...outer }, copyChange)).toBe(before);
      }),
      { numRuns: 200 },
    );
  });

  test('is mangled in the copy as an old kernel would have mangled it there', () => {
    fc.assert(
      fc.property(secret, port, host, host, (key, after, a, b) => {
        fc.pre(a !== b);
        const [from, to] = [`192.168.50.${a}`, `192.168.60.${b}`];
        const redaction = redactionBy(key);
        const change = { original: changed(from, to), copy: copiedChange(redaction, from, to) };
        const frame = framed(to, after, mangledZero(change.original));
        const known = { ...redaction, portRewrite: () => ({ state: 'mangled', change }) as const };
        const copy = Uint8Array.from(redactFrame(frame, 1, frame.length, known).bytes);
        expect(judged(copy, copy.length).outer.stored).toBe(mangledZero(change.copy));
      }),
      { numRuns: 100 },
    );
  });
});

describe('any bytes', () => {
  const kinds = [0, 1, 12, 101, 108, 113, 228, 229, 239, 276, 9, 4711];

  test('of any link type become as many bytes, and nothing is thrown', () => {
    const redaction = redactionBy(new Uint8Array(32));
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(2000),
        (linkType, bytes, more) => {
          const { bytes: copy } = redactFrame(bytes, linkType, bytes.length + more, redaction);
          expect(copy.length).toBe(bytes.length);
        },
      ),
      { numRuns: 3000 },
    );
  });

  test('in place of some of a frame’s, or a frame cut anywhere, throw nothing either', () => {
    const redaction = redactionBy(new Uint8Array(32));
    fc.assert(
      fc.property(
        fc.integer(),
        fc.nat(400),
        fc.uint8Array({ maxLength: 12 }),
        (seed, at, noise) => {
          for (const { bytes } of generate(seed, 3)) {
            const frame = Uint8Array.from(bytes);
            frame.set(
              noise.subarray(0, Math.max(frame.length - at, 0)),
              Math.min(at, frame.length),
            );
            for (const end of [frame.length, at % (frame.length + 1)]) {
              const cut = frame.slice(0, end);
              expect(redactFrame(cut, 1, frame.length, redaction).bytes.length).toBe(end);
            }
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
