/** Offload settings and sysctls, in the forms in which they are saved; and the folder of a node. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseOffload, txChecksumOffload } from '../../src/snapshot/offload.js';
import { readNodeSnapshot } from '../../src/snapshot/read-folder.js';
import { parseSysctls, sysctlNumber } from '../../src/snapshot/sysctl.js';
import { recordings } from '../support/recordings.js';

describe('ethtool -k', () => {
  const text = [
    '## eth0',
    'Features for eth0:',
    'rx-checksumming: on',
    'tx-checksumming: off',
    '\ttx-checksum-ipv4: off [fixed]',
    '\ttx-checksum-ip-generic: off',
    '\ttx-tcp-segmentation: off [requested on]',
    '## vxlan.1',
    'Features for vxlan.1:',
    'tx-checksumming: on',
    '\ttx-checksum-ip-generic: on',
    '',
  ].join('\n');

  test('says of each device which features are on', () => {
    const offload = parseOffload(text);
    expect([...offload.keys()]).toEqual(['eth0', 'vxlan.1']);
    expect(offload.get('eth0')).toEqual(
      new Map([
        ['rx-checksumming', true],
        ['tx-checksumming', false],
        ['tx-checksum-ipv4', false],
        ['tx-checksum-ip-generic', false],
        ['tx-tcp-segmentation', false],
      ]),
    );
    expect(offload.get('vxlan.1')?.get('tx-checksum-ip-generic')).toBe(true);
  });

  test('without our own headings is read by ethtool’s', () => {
    const own = text.replace(/^## .*\n/gm, '');
    expect(parseOffload(own)).toEqual(parseOffload(text));
  });

  test('says whether a device finishes transmit checksums, and nothing of a device nobody asked', () => {
    const offload = parseOffload(text);
    expect(txChecksumOffload(offload, 'eth0')).toBe(false);
    expect(txChecksumOffload(offload, 'vxlan.1')).toBe(true);
    expect(txChecksumOffload(offload, 'eth1')).toBeUndefined();
  });

  test('of nothing, or before any heading, says nothing', () => {
    expect(parseOffload('').size).toBe(0);
    expect(parseOffload('tx-checksumming: on\n').size).toBe(0);
    expect(
      parseOffload('## eth0\nCannot get device feature names: No such device\n').get('eth0')?.size,
    ).toBe(0);
  });

  test.each(
    recordings.map(({ name, text: read }) => [name, read] as const),
  )('of %s is what its folder’s name promises', (name, read) => {
    const offload = parseOffload(read('node-a', 'ethtool-k.txt'));
    expect(txChecksumOffload(offload, 'eth0')).toBe(name.includes('underlay-offload-on'));
    const generic = offload.get('vxlan.1')?.get('tx-checksum-ip-generic');
    expect(generic).toBe(!name.includes('vxlan-tx-offload-off'));
  });
});

describe('sysctls', () => {
  test('are read from `path value` lines and from `name = value` lines, to the same names', () => {
    const expected = new Map([
      ['net.netfilter.nf_conntrack_udp_timeout', '30'],
      ['net.ipv4.ip_local_port_range', '32768 60999'],
    ]);
    expect(
      parseSysctls(
        '/proc/sys/net/netfilter/nf_conntrack_udp_timeout 30\n/proc/sys/net/ipv4/ip_local_port_range 32768 60999\n',
      ),
    ).toEqual(expected);
    expect(
      parseSysctls(
        'net.netfilter.nf_conntrack_udp_timeout = 30\nnet.ipv4.ip_local_port_range = 32768 60999',
      ),
    ).toEqual(expected);
  });

  test('keep a tab between two numbers, as the kernel prints it', () => {
    const settings = parseSysctls('/proc/sys/net/ipv4/ip_local_port_range 32768\t60999');
    expect(settings.get('net.ipv4.ip_local_port_range')?.split(/\s+/)).toEqual(['32768', '60999']);
  });

  test('without a value are none', () => {
    expect(parseSysctls('net.core.txrehash\nnet.core.txrehash = \n\n').size).toBe(0);
    expect(parseSysctls('# not read: grep: there is no such command\n').size).toBe(0);
  });

  test('are numbers where they are one', () => {
    const settings = parseSysctls('a.one = 1\na.range = 1 2\na.word = reno\n');
    expect(sysctlNumber(settings, 'a.one')).toBe(1);
    expect(sysctlNumber(settings, 'a.range')).toBeUndefined();
    expect(sysctlNumber(settings, 'a.word')).toBeUndefined();
    expect(sysctlNumber(settings, 'a.none')).toBeUndefined();
  });
});

describe('a node’s folder', () => {
  async function withFolder(files: Record<string, string>) {
    const folder = await mkdtemp(join(tmpdir(), 'stalesum-snapshot-'));
    try {
      for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
      return await readNodeSnapshot(folder, 'node-a');
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  test('with none of the files has no snapshot', async () => {
    expect(await withFolder({ 'overlay.pcap': '' })).toBeUndefined();
  });

  test('with one of them has that part, and of the others it is not known', async () => {
    const snapshot = await withFolder({ 'versions.txt': 'kernel 5.4.33\nbuild #1 SMP x86_64\n' });
    expect(snapshot).toEqual({
      node: 'node-a',
      conntrackEvents: undefined,
      conntrackEntries: undefined,
      countersBefore: undefined,
      countersAfter: undefined,
      links: undefined,
      offload: undefined,
      sysctls: undefined,
      kernel: '5.4.33',
    });
  });

  test('with an empty file has an empty part: somebody looked, and there was nothing', async () => {
    expect(await withFolder({ 'conntrack-events.txt': '' })).toMatchObject({ conntrackEvents: [] });
  });

  test('with a file that tells why it could not be read has a part that says nothing', async () => {
    const snapshot = await withFolder({ 'ip.txt': '# not read: ip: there is no such command\n' });
    expect(snapshot?.links).toMatchObject({ vxlan: [] });
  });
});
