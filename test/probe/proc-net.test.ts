import { expect, it } from 'vitest';
import { endpointOfHex } from '../../src/probe/proc-net.js';

// By hand: 127.0.0.1 is 7F 00 00 01 in network order, one word 0100007F on a little-endian machine.
it.each([
  ['0100007F:1F90', ['127.0.0.1', 8080]],
  ['0201F40A:0050', ['10.244.1.2', 80]],
  ['00000000000000000000000001000000:0035', ['::1', 53]],
  ['500000FD000000000000000001000000:0035', ['fd00:50::1', 53]],
  ['0000000000000000FFFF00000100007F:1F90', ['127.0.0.1', 8080]],
])('%s', (text, endpoint) => {
  expect(endpointOfHex(text)).toEqual(endpoint);
});

it.each(['', '0100007F', '0100007F:', '0100007:1F90', 'x100007F:1F90'])('"%s" is none', text => {
  expect(endpointOfHex(text)).toBeUndefined();
});
