import { expect, it, vi } from 'vitest';
import { chooseEngine } from '../../src/capture/choose.js';
import type { Node } from '../../src/node/node.js';

vi.mock('koffi', () => {
  throw new Error('no prebuilt module for this platform');
});

const never = () => {
  throw new Error('no command is run to choose an engine');
};
const node: Node = {
  name: 'here',
  networkNamespace: '/proc/self/ns/net',
  run: never,
  start: never,
};

it('without koffi, tcpdump captures, and one line says why', async () => {
  const { engine, note } = await chooseEngine('auto', node);
  expect(engine.name).toBe('tcpdump');
  expect(note).toMatch(
    /^capturing with tcpdump: koffi, which the ring engine needs, cannot be loaded/,
  );
  expect(note).not.toContain('\n');
});

it('without koffi, the ring says how to get it', async () => {
  await expect(chooseEngine('ring', node)).rejects.toMatchObject({
    kind: 'missing-tool',
    remedy: expect.stringContaining('--engine tcpdump'),
  });
});
