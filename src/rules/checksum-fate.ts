/** What becomes of the outer checksum when the source was rewritten: which of the two defects, or none. */
import type { VerdictName } from '../analysis/verdict.js';
import type { Kernel } from '../snapshot/kernel.js';
import type { VxlanDevice } from '../snapshot/links.js';
import { type Offload, txChecksumOffload } from '../snapshot/offload.js';
import { familyOf } from './address.js';
import { zeroChecksumOn } from './kernel.js';
import type { Outcome } from './outcome.js';
import type { Flow, Journey } from './two-passes.js';

export interface ChecksumFacts {
  readonly offload: Offload | undefined;
  readonly kernel: Kernel | undefined;
}

export interface Fate {
  readonly verdict: VerdictName;
  /** What follows from the rewrite; empty if nothing is to be added. */
  readonly because: string;
  readonly assumptions: readonly string[];
}

export function judge(
  flow: Flow,
  outcome: Outcome,
  tunnelled: boolean,
  certain: boolean,
  facts: ChecksumFacts,
): Fate {
  const { journey } = outcome;
  if (!certain) return plain('inconclusive');
  if (!tunnelled || journey.kind !== 'tunnelled') return plain('no-tunnel-traffic');
  if (outcome.rewritten !== true && !outcome.addressRewritten) return plain('not-rewritten');
  return fateOfRewritten(flow, journey, facts);
}

function plain(verdict: VerdictName): Fate {
  return { verdict, because: '', assumptions: [] };
}

function fateOfRewritten(
  flow: Flow,
  journey: Extract<Journey, { kind: 'tunnelled' }>,
  facts: ChecksumFacts,
): Fate {
  const { device, outer } = journey;
  const open = isOpen(flow, journey, facts);
  if (!open.open) {
    const because = `harmless here, as ${open.because}`;
    return { verdict: 'double-snat-harmless', because, assumptions: open.assumptions };
  }
  if (hasChecksum(device, outer.source)) {
    return {
      verdict: 'stale-checksum',
      because: `${device.name} writes an outer checksum${nameOfFlag(device, outer.source)}, and no kernel so far mends it (defect B)`,
      assumptions: open.assumptions,
    };
  }
  return zeroChecksum(device, facts.kernel, open.assumptions);
}

const MENDED = '5.7, 5.6.13, 5.4.41, 4.19.123 and 4.14.181';

function zeroChecksum(
  device: VxlanDevice,
  kernel: Kernel | undefined,
  assumptions: readonly string[],
): Fate {
  const sends = `${device.name} sends a zero checksum`;
  if (!kernel) {
    const because = `${sends}, and the kernel is not known: before ${MENDED} it is turned into 0xffff, since then nothing is lost`;
    return { verdict: 'inconclusive', because, assumptions };
  }
  const { leftAlone, because: judged, ask } = zeroChecksumOn(kernel);
  const name = kernelName(kernel);
  switch (leftAlone) {
    case true:
      return {
        verdict: 'double-snat-harmless',
        because: `${sends}, and ${name} leaves it alone (${judged})`,
        assumptions,
      };
    case false:
      return {
        verdict: 'mangled-checksum',
        because: `${sends}, which ${name} turns into 0xffff (defect A; ${judged})`,
        assumptions,
      };
    case undefined: {
      const told = ask === null ? '' : `. Its changelog tells: ${ask}`;
      return {
        verdict: 'inconclusive',
        because: `${sends}, and whether ${name} leaves it alone or turns it into 0xffff cannot be told: ${judged} (upstream ${MENDED})${told}`,
        assumptions,
      };
    }
  }
}

function kernelName({ release, distribution }: Kernel): string {
  return distribution === undefined ? `Linux ${release}` : `Linux ${release} (${distribution})`;
}

/** Over IPv4 `udpcsum` asks for it; over IPv6 it is always there, unless `udp6zerocsumtx` is set. */
function hasChecksum(device: VxlanDevice, source: string): boolean {
  return familyOf(source) === 'ip6'
    ? device.udp6ZeroChecksumTx !== true
    : device.udpChecksum !== false;
}

function nameOfFlag({ udpChecksum }: VxlanDevice, source: string): string {
  if (familyOf(source) === 'ip6') return ' (always, over IPv6)';
  return udpChecksum ? ' (udpcsum)' : '';
}

interface Openness {
  readonly open: boolean;
  readonly because: string;
  readonly assumptions: readonly string[];
}

/**
 * Whether the inner checksum is still to be finished when the outer datagram is rewritten. A forwarded
 * packet came in complete. TCP leaves it to the VXLAN device; UDP does so if the device of its first
 * route, before DNAT, finishes checksums, and then it still takes the VXLAN device to leave it open.
 */
function isOpen(
  { from, protocol }: Flow,
  { device, firstDevice }: Extract<Journey, { kind: 'tunnelled' }>,
  { offload }: ChecksumFacts,
): Openness {
  if (from === 'external') {
    return { open: false, because: 'the packet came in with a finished checksum', assumptions: [] };
  }
  const assumptions: string[] = [];
  const devices =
    from === 'host' && protocol === 'udp' ? [firstDevice, device.name] : [device.name];
  for (const name of devices) {
    const on = offload && txChecksumOffload(offload, name);
    if (on === undefined)
      assumptions.push(`offload of ${name} was not saved: tx checksumming taken to be on`);
    else if (!on) {
      const because = `tx checksumming of ${name} is off, so the inner checksum is finished before the rewrite`;
      return { open: false, because, assumptions };
    }
  }
  return { open: true, because: '', assumptions };
}
