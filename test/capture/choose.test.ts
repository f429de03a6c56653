import { describe, expect, it } from 'vitest';
import { chooseEngine } from '../../src/capture/choose.js';
import type { Node } from '../../src/node/node.js';

const never = () => {
  throw new Error('no command is run to choose an engine');
};
const elsewhere: Node = { name: 'kind-worker', run: never, start: never };
const gone: Node = { ...elsewhere, networkNamespace: '/run/netns/there-is-none' };

describe('the engine', () => {
  it('is tcpdump for a node elsewhere, and says so', async () => {
    const { engine, note } = await chooseEngine('auto', elsewhere);
    expect(engine.name).toBe('tcpdump');
    expect(note).toMatch(/^capturing with tcpdump: kind-worker: the ring engine captures only on/);
    expect(note).not.toContain('\n');
  });

  it('is tcpdump where the namespace cannot be entered, and says why', async () => {
    const { engine, note } = await chooseEngine('auto', gone);
    expect(engine.name).toBe('tcpdump');
    expect(note).toMatch(/^capturing with tcpdump: kind-worker: .*ENOENT/);
  });

  it('is tcpdump when that is asked for, without a word', async () => {
    expect(await chooseEngine('tcpdump', elsewhere)).toEqual({
      engine: expect.objectContaining({ name: 'tcpdump' }),
    });
  });

  it('is not the ring where the ring cannot capture', async () => {
    await expect(chooseEngine('ring', elsewhere)).rejects.toMatchObject({
      kind: 'usage',
      remedy: expect.stringContaining('--engine tcpdump'),
    });
  });

  it('is pcap if its module is built, or else says how to build it', async () => {
    const chosen = await chooseEngine('pcap', elsewhere).catch(fault => fault);
    if ('engine' in chosen) expect(chosen.engine.name).toBe('pcap');
    else {
      expect(chosen).toMatchObject({
        kind: 'missing-tool',
        message: expect.stringMatching(/^the pcap engine's module cannot be loaded: [^\n]+$/),
        remedy: expect.stringContaining('npm rebuild pcap'),
      });
    }
  });
});
