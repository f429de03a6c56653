/** What others say of a recording of the lab: conntrack, the kernel's counters, tshark. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The UDP entries of `conntrack -E`, read by nothing of ours: port before and after the second SNAT. */
export function tunnelPorts(recording: string): Map<number, number> {
  const events = readFileSync(join(recording, 'node-a/conntrack-events.txt'), 'utf8');
  const entry =
    /\[NEW\] udp .*src=192\.168\.50\.1 .*sport=(\d+) dport=8472 .*sport=8472 dport=(\d+)/g;
  return new Map(
    [...events.matchAll(entry)].map(([, before, after]) => [Number(after), Number(before)]),
  );
}

/** What node B's kernel counted, as `nstat` files hold it. */
export function checksumErrors(recording: string, when: 'before' | 'after'): number {
  const counters = readFileSync(join(recording, `node-b/nstat.${when}.txt`), 'utf8');
  return Number(/^UdpInCsumErrors +(\d+)/m.exec(counters)?.[1]);
}

/**
 * Frames from node A whose outer UDP checksum tshark calls bad, in a capture of node B's NIC: what
 * arrives there has no unfinished checksum, other than what node B itself sends.
 */
export function badFrames(capture: string): number[] {
  const text = execFileSync(
    'tshark',
    [
      ...['-r', capture, '-d', 'udp.port==8472,vxlan', '-o', 'udp.check_checksum:TRUE'],
      ...[
        '-Y',
        'ip.src == 192.168.50.1',
        '-T',
        'fields',
        '-E',
        'occurrence=f',
        '-e',
        'frame.number',
        '-e',
        'udp.checksum.status',
      ],
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  return text
    .split('\n')
    .map(line => line.split('\t'))
    .filter(([, status]) => status === '0')
    .map(([frame]) => Number(frame));
}
