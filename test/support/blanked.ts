/** A frame without its payload, as captures of bundles have it. */
import { expect } from 'vitest';
import { blankPayload } from '../../src/wire/blank-payload.js';
import { DEFAULT_TUNNEL_PORTS, emptyPacket } from '../../src/wire/packet.js';
import { ETHERNET } from './frames.js';
import type { Bytes } from './packet-builder.js';

/** The frame as it would be written, in the middle of a buffer that must not change. */
export function blanked(
  frame: Bytes,
  { linkType = ETHERNET, originalLength = frame.length } = {},
): number[] {
  const before = 6;
  const bytes = new Uint8Array(before + frame.length + 32).fill(0xa5);
  bytes.set(frame, before);
  const view = new DataView(bytes.buffer);
  const end = before + frame.length;
  const newEnd = blankPayload(
    bytes,
    view,
    before,
    end,
    linkType,
    originalLength,
    DEFAULT_TUNNEL_PORTS,
    emptyPacket(),
  );
  expect([...bytes.subarray(0, before), ...bytes.subarray(end)]).toEqual(
    Array(before + 32).fill(0xa5),
  );
  expect(newEnd).toBeLessThanOrEqual(end);
  return [...bytes.subarray(before, newEnd)];
}
