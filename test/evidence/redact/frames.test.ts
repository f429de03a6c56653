/**
 * Frames made at random (test/offline/generator.ts) keep in the copy what each checksum was: the state, the
 * difference and so the recovered port, by src/wire's judgement, which is held against tshark elsewhere.
 */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressMap } from '../../../src/evidence/redact/address-map.js';
import { addressKeys, keyOf } from '../../../src/evidence/redact/key.js';
import { type FrameRedaction, redactFrame } from '../../../src/evidence/redact/packet.js';
import { congruent } from '../../../src/wire/checksum.js';
import { emptyFinding, judgePacket } from '../../../src/wire/checksum-state.js';
import { DEFAULT_TUNNEL_PORTS, emptyPacket, walkPacket } from '../../../src/wire/packet.js';
import { difference, recoverSourcePort } from '../../../src/wire/port-recovery.js';
import { generate, ODD_PORT } from '../../offline/generator.js';

const PORTS = new Set([...DEFAULT_TUNNEL_PORTS, ODD_PORT]);

export function redactionBy(secret: Uint8Array): FrameRedaction {
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
