import { beforeAll, describe, expect, it } from 'vitest';
import { type Measured, measure, modulo, syns } from '../lab/measure.js';
import { describeLive } from './require-live.js';

/** Enough for two SYNs or more. */
const SECONDS = 2.5;

function rewritesNoPort({ bindings }: Measured): void {
  expect(bindings.length).toBeGreaterThanOrEqual(1);
  expect(bindings.every(({ before, after }) => before === after)).toBe(true);
}

describeLive('scenarios that look like the bug', () => {
  it('lost-syn: the first SYN never arrives, the second does', async () => {
    const shown = await measure('lost-syn');
    rewritesNoPort(shown);
    const [lost, next] = shown.sent;
    expect([lost!.flags, next!.flags]).toEqual(['S', 'S']);
    expect(shown.arrived).toHaveLength(shown.sent.length - 1);
    expect(shown.arrived[0]).toMatchObject({ sourcePort: next!.sourcePort, flags: 'S' });
    expect(new Set(shown.arrived.map(({ checksum }) => checksum.state))).toEqual(new Set(['ok']));
    expect(shown.grown('node-a TcpRetransSegs')).toBe(1);
    expect(shown.grown('node-b UdpInErrors')).toBe(0);
    expect(shown.connections[0]!.result).toBe('connected');
  });

  it('no-listener: the SYN reaches the pod, which refuses', async () => {
    const shown = await measure('no-listener');
    rewritesNoPort(shown);
    expect(shown.arrived.map(({ flags }) => flags)).toEqual(['S']);
    expect(shown.arrived[0]!.checksum.state).toBe('ok');
    expect(syns(shown.delivered)).toBe(1);
    expect(shown.grown('web TcpOutRsts')).toBe(1);
    expect(shown.connections[0]!.result).toBe('ECONNREFUSED');
  });

  it('mtu-blackhole: connects; what is large does not arrive, and nobody says so', async () => {
    const shown = await measure('mtu-blackhole', { bytes: 8000, seconds: SECONDS });
    rewritesNoPort(shown);
    expect(shown.connections[0]).toMatchObject({
      result: 'timeout',
      connected: expect.any(Number),
      echoed: 0,
    });
    expect(shown.arrived[0]!.flags).toBe('S');
    expect(shown.arrived.every(({ length }) => length <= 1400)).toBe(true);
    expect(shown.arrived.every(({ checksum }) => checksum.state === 'ok')).toBe(true);
    const large = shown.sent.filter(({ length }) => length > 1400);
    expect(large.length).toBeGreaterThanOrEqual(2);
    expect(shown.arrived).toHaveLength(shown.sent.length - large.length);
    expect(shown.noise.trim()).toBe('');
    expect(shown.grown('node-b UdpInErrors')).toBe(0);
  });

  it('inner-corruption: decapsulated with a wrong inner checksum, and dropped behind', async () => {
    const shown = await measure('inner-corruption', { seconds: SECONDS });
    rewritesNoPort(shown);
    expect(shown.arrived.length).toBeGreaterThanOrEqual(2);
    expect(shown.arrived).toHaveLength(shown.sent.length);
    for (const { checksum, innerChecksum } of shown.arrived) {
      expect([checksum.state, innerChecksum.state]).toEqual(['none', 'bad']);
    }
    // What left was partial: each SYN the same pseudo-header sum, and not what arrives.
    const stored = ({ innerChecksum }: Measured['sent'][number]) =>
      innerChecksum.state === 'bad' && innerChecksum.stored;
    expect(new Set(shown.sent.map(stored)).size).toBe(1);
    expect(shown.arrived.map(stored)).not.toContain(stored(shown.sent[0]!));
    expect(syns(shown.decapsulated)).toBe(shown.arrived.length);
    expect(syns(shown.delivered)).toBe(0);
    expect(shown.grown('node-b UdpInErrors')).toBe(0);
    expect(shown.grown('node-b conntrack invalid')).toBe(shown.arrived.length);
  });

  describe('address-rewritten-on-the-way', () => {
    let shown: Measured;
    beforeAll(async () => {
      shown = await measure('address-rewritten-on-the-way', { attempts: 3, seconds: SECONDS });
    });

    it('arrives from another address and from the same port', () => {
      rewritesNoPort(shown);
      expect(new Set(shown.sent.map(({ source }) => source))).toEqual(new Set(['192.168.50.1']));
      expect(new Set(shown.arrived.map(({ source }) => source))).toEqual(new Set(['192.168.51.1']));
      expect(shown.arrived.map(({ sourcePort }) => sourcePort)).toEqual(
        shown.sent.map(({ sourcePort }) => sourcePort),
      );
    });

    it('shows the same difference for flows of different ports', () => {
      const differences = shown.arrived.map(({ checksum }) =>
        checksum.state === 'bad' ? modulo(checksum.due - checksum.stored) : 0,
      );
      expect(new Set(shown.arrived.map(({ flow }) => flow)).size).toBe(3);
      expect(new Set(shown.arrived.map(({ sourcePort }) => sourcePort)).size).toBeGreaterThan(2);
      expect(new Set(differences)).toEqual(new Set([modulo(-0x0100)]));
    });

    it('loses every datagram at the receiver', () => {
      expect(shown.connections.map(({ result }) => result)).toEqual(Array(3).fill('timeout'));
      expect(shown.arrived.length).toBeGreaterThanOrEqual(6);
      expect(shown.grown('node-b UdpInCsumErrors')).toBe(shown.arrived.length);
    });
  });
});
