import { describe, expect, it } from 'vitest';
import { type DelayFacts, delayFacts, predictDelay } from '../../src/analysis/delay-model.js';
import { synSchedule } from '../../src/analysis/syn-schedule.js';
import type { NodeSnapshot } from '../../src/snapshot/node-snapshot.js';

/** Settings of a kernel that keeps the outer port, with the classic series of SYNs. */
const CLASSIC: DelayFacts = {
  outerPort: { kept: true, because: 'net.core.txrehash=0' },
  entrySeconds: 30,
  linearTimeouts: 0,
  retries: 6,
  keptAliveBy: [],
};

describe('the series of SYNs', () => {
  // Measured on Linux 3.10 to 6.18 (recordings, and the kernel's documentation of the setting).
  it('doubles from the first timeout on', () => {
    expect(synSchedule(0, 6)).toEqual([1, 3, 7, 15, 31, 63]);
  });
  it('is linear first where the kernel has tcp_syn_linear_timeouts=4', () => {
    expect(synSchedule(4, 10)).toEqual([1, 2, 3, 4, 5, 7, 11, 19, 35, 67]);
  });
});

describe('the delay predicted', () => {
  it('is 63 s classically: the gap from 31 to 63 s is the first longer than 30 s', () => {
    expect(predictDelay(CLASSIC)).toMatchObject({ seconds: 63 });
  });
  it('is 67 s with linear timeouts', () => {
    expect(predictDelay({ ...CLASSIC, linearTimeouts: 4 })).toMatchObject({ seconds: 67 });
  });
  it('is 1 s where the retransmit takes another outer port', () => {
    const outerPort = { kept: false, because: 'net.core.txrehash=1' };
    expect(predictDelay({ ...CLASSIC, outerPort })).toMatchObject({ seconds: 1 });
  });
  it('moves to the first gap longer than a shortened timeout: 11 s with 3 s, as measured', () => {
    expect(predictDelay({ ...CLASSIC, linearTimeouts: 4, entrySeconds: 3 })).toMatchObject({
      seconds: 11,
    });
  });
  it('is none where no gap is long enough', () => {
    expect(predictDelay({ ...CLASSIC, entrySeconds: 120 })).toMatchObject({ seconds: undefined });
    expect(predictDelay({ ...CLASSIC, retries: 4 })).toMatchObject({ seconds: undefined });
  });
  it('is none while another connection keeps the entry alive', () => {
    const keptAliveBy = [{ from: 0, to: 200 }];
    expect(predictDelay({ ...CLASSIC, keptAliveBy })).toMatchObject({ seconds: undefined });
  });
  it('knows that the entry outlives the last packet of another connection', () => {
    // Refreshed at 40 s, it lives until 70 s: the SYN of 63 s still finds it, and there is no other.
    const keptAliveBy = [{ from: 10, to: 40 }];
    expect(predictDelay({ ...CLASSIC, keptAliveBy })).toMatchObject({ seconds: undefined });
    expect(predictDelay({ ...CLASSIC, keptAliveBy: [{ from: 10, to: 32 }] }).seconds).toBe(63);
  });
});

describe('what the node says', () => {
  const node = (settings: Record<string, string>, kernel?: string): NodeSnapshot => ({
    node: 'node-a',
    conntrackEvents: undefined,
    conntrackEntries: undefined,
    countersBefore: undefined,
    countersAfter: undefined,
    links: undefined,
    offload: undefined,
    sysctls: new Map([
      ['net.netfilter.nf_conntrack_udp_timeout', '30'],
      ...Object.entries(settings),
    ]),
    kernel,
  });
  const device = {
    name: 'flannel.1',
    vni: 1,
    port: 8472,
    local: undefined,
    underlay: undefined,
    sourcePorts: { low: 50000, high: 50001 },
    udpChecksum: true,
    udp6ZeroChecksumTx: false,
    udp6ZeroChecksumRx: false,
  };

  it('counts a pinned srcport before anything else', () => {
    const facts = delayFacts(node({ 'net.core.txrehash': '1' }, '6.18.44'), device, []);
    expect(facts).toBeUndefined(); // 6.18 has linear timeouts, and nobody read them
    const read = { 'net.core.txrehash': '1', 'net.ipv4.tcp_syn_linear_timeouts': '4' };
    expect(delayFacts(node(read), device, [])?.outerPort.kept).toBe(true);
    expect(delayFacts(node(read), undefined, [])?.outerPort.kept).toBe(false);
  });
  it('goes by the kernel where a setting does not exist yet', () => {
    // Measured: 3.10 keeps the port, 4.19 and 5.4 do not; none has linear timeouts.
    expect(delayFacts(node({}, '3.10.0-1127.el7'), undefined, [])).toMatchObject({
      outerPort: { kept: true },
      linearTimeouts: 0,
    });
    expect(delayFacts(node({}, '5.4.33'), undefined, [])?.outerPort.kept).toBe(false);
  });
  it('says nothing without the kernel or its settings', () => {
    expect(delayFacts(node({}), undefined, [])).toBeUndefined();
    expect(delayFacts(undefined, device, [])).toBeUndefined();
  });
});
