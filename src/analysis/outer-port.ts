/**
 * Judges all datagrams of a connection that left from one outer source port: was the port rewritten,
 * is the checksum still that of the old one, and what says so besides the checksum itself.
 *
 * The arithmetic names a constant difference between header and checksum. That the *source port*
 * changed needs a second witness of another kind: conntrack, or a sibling (a datagram of the same
 * inner flow that left from the recovered port with a right checksum).
 */
import type { VxlanDevice } from '../snapshot/links.js';
import { addressWords } from '../wire/address.js';
import {
  type AddressChange,
  isAmbiguousPort,
  mangledZero,
  recoverSourcePort,
} from '../wire/port-recovery.js';
import type { NatBinding } from './conntrack-lookup.js';
import type { ChecksumRecord, PacketRecord } from './observation.js';
import type { PortUse, TappedOrigin } from './port-uses.js';
import type { SourcePortRange } from './sender-habit.js';
import { type ChecksumState, hex16 } from './verdict.js';

export interface PortContext {
  readonly binding: NatBinding | undefined;
  readonly tapped: TappedOrigin | undefined;
  /** Whether the sender's conntrack shows that the datagrams are not tracked, so not NATed. */
  readonly untracked: boolean;
  /** The same connection's other ports. */
  readonly others: readonly PortUse[];
  /** The sender's VXLAN device, where a snapshot shows it. */
  readonly device: VxlanDevice | undefined;
  /** Source ports of that device: exact where the node told it, else the kernel's default. */
  readonly range: SourcePortRange;
  /** Whether the sender makes outer checksums at all; `undefined` where nothing shows it. */
  readonly makesChecksums: boolean | undefined;
  /** Addresses from which the datagram may have set out, if its address was rewritten too. */
  readonly otherAddresses: readonly string[];
}

export type SecondWitness = 'conntrack' | 'sibling' | 'pre-nat-tap';

export interface PortFinding {
  readonly use: PortUse;
  readonly state: ChecksumState;
  /** Address and port before the second SNAT, where a witness or the checksum tells them. */
  readonly before: { readonly source: string; readonly sourcePort: number } | undefined;
  readonly change: AddressChange | undefined;
  readonly rewritten: boolean | undefined;
  readonly namedBy: readonly SecondWitness[];
  readonly binding: NatBinding | undefined;
  readonly tapped: TappedOrigin | undefined;
  readonly untracked: boolean;
  readonly sibling: PortUse | undefined;
  /** For `invalid`: why no rewritten port explains it. Otherwise empty. */
  readonly reason: string;
  /** For `stale`: what keeps the arithmetic from carrying a conviction by itself. Otherwise empty. */
  readonly doubt: string;
}

/** The finding for one outer source port. */
export function judgePort(use: PortUse, context: PortContext): PortFinding {
  const { mismatch } = use;
  if (!mismatch) return withoutMismatch(use, context);
  if (mismatch.innerChecksum.state !== 'valid' && mismatch.innerChecksum.state !== 'partial') {
    return invalid(use, context, innerReason(mismatch.innerChecksum));
  }
  const origin = originOf(use, context);
  return origin
    ? againstOrigin(use, mismatch, origin, context)
    : fromCapturesAlone(use, mismatch, context);
}

/** Where the datagrams set out, by conntrack or a tap; both, where both say the same. */
interface Origin {
  readonly source: string;
  readonly sourcePort: number;
  readonly rewritten: boolean;
  readonly toldBy: readonly ('conntrack' | 'pre-nat-tap')[];
  /** For sentences: `conntrack on node-a`. */
  readonly teller: string;
}

function originOf(use: PortUse, { binding, tapped }: PortContext): Origin | undefined {
  if (!binding && !tapped) return undefined;
  const { source, sourcePort } = binding ?? tapped!.outer;
  const tapAgrees = tapped?.outer.source === source && tapped.outer.sourcePort === sourcePort;
  return {
    source,
    sourcePort,
    rewritten: source !== use.source || sourcePort !== use.sourcePort,
    toldBy: [
      ...(binding ? (['conntrack'] as const) : []),
      ...(tapAgrees ? (['pre-nat-tap'] as const) : []),
    ],
    teller: binding ? `conntrack on ${binding.node}` : `the tap in front of nat`,
  };
}

function withoutMismatch(use: PortUse, context: PortContext): PortFinding {
  const { counts } = use;
  const origin = originOf(use, context);
  const state =
    counts.zero > 0 && counts.valid === 0
      ? 'zero'
      : counts.valid > 0
        ? 'valid'
        : counts.partial > 0
          ? 'partial'
          : 'unverifiable';
  return {
    ...base(use, context),
    state,
    before: origin && { source: origin.source, sourcePort: origin.sourcePort },
    rewritten: origin ? origin.rewritten : context.untracked ? false : undefined,
    namedBy: origin?.toldBy ?? [],
  };
}

function againstOrigin(
  use: PortUse,
  mismatch: PacketRecord,
  origin: Origin,
  context: PortContext,
): PortFinding {
  const before = { source: origin.source, sourcePort: origin.sourcePort };
  const change = addressChange(origin.source, use.source);
  const recovered = recover(use, mismatch, change);
  const known = { ...base(use, context), before, change, rewritten: origin.rewritten };
  if (!origin.rewritten) {
    return {
      ...known,
      state: 'invalid',
      reason: `${origin.teller} shows that source address and port were not rewritten`,
    };
  }
  if (recovered === origin.sourcePort) {
    const sibling = siblingOf(use, recovered, context, origin.source);
    return {
      ...known,
      state: 'stale',
      sibling,
      namedBy: sibling ? [...origin.toldBy, 'sibling'] : origin.toldBy,
    };
  }
  if (mismatch.outerChecksum.stored === mangledZero(change)) {
    return { ...known, state: 'mangled', namedBy: origin.toldBy };
  }
  return {
    ...known,
    state: 'invalid',
    reason:
      `${origin.teller} names ${origin.sourcePort} as the port before the second SNAT, ` +
      `the checksum ${recovered}`,
  };
}

function fromCapturesAlone(
  use: PortUse,
  mismatch: PacketRecord,
  context: PortContext,
): PortFinding {
  if (use.changedOnTheWay !== '') return invalid(use, context, use.changedOnTheWay);
  if (use.synsDisagree) {
    return invalid(use, context, 'other SYNs from the same outer port have a right checksum');
  }
  // Before the differences are compared: those of one value under changing bytes vary.
  if (isMangled(use, mismatch, context)) {
    return {
      ...base(use, context),
      state: 'mangled',
      change: movedFrom(use, context),
      rewritten: true,
    };
  }
  if (use.otherDifferences > 0) {
    return invalid(use, context, 'the difference varies within one outer flow');
  }
  return (
    namedBySibling(use, mismatch, undefined, context) ??
    namedByMovedSibling(use, mismatch, context) ??
    byArithmeticAlone(use, mismatch, context)
  );
}

/** The change of address, where the device sends from another one than the datagrams have. */
function movedFrom(use: PortUse, { device }: PortContext): AddressChange | undefined {
  const { local } = device ?? {};
  const isSameFamily = local?.includes(':') === use.source.includes(':');
  return local !== undefined && isSameFamily ? addressChange(local, use.source) : undefined;
}

/**
 * 0xffff throughout (or what it is with another address), from a sender that is not known to make
 * outer checksums. A stale checksum is 0xffff only by chance, once in 65535.
 */
function isMangled(use: PortUse, mismatch: PacketRecord, context: PortContext): boolean {
  return (
    mismatch.outerChecksum.stored === mangledZero(movedFrom(use, context)) &&
    use.otherStored === 0 &&
    context.makesChecksums !== true
  );
}

function namedBySibling(
  use: PortUse,
  mismatch: PacketRecord,
  change: (AddressChange & { readonly source: string }) | undefined,
  context: PortContext,
): PortFinding | undefined {
  const recovered = recover(use, mismatch, change);
  const sibling = siblingOf(use, recovered, context, change?.source);
  if (!sibling || isAmbiguousPort(recovered)) return undefined;
  return {
    ...base(use, context),
    state: 'stale',
    before: { source: sibling.source, sourcePort: recovered },
    change,
    rewritten: true,
    sibling,
    namedBy: ['sibling'],
  };
}

function namedByMovedSibling(
  use: PortUse,
  mismatch: PacketRecord,
  context: PortContext,
): PortFinding | undefined {
  for (const source of context.otherAddresses) {
    const change = addressChange(source, use.source);
    const found = change && namedBySibling(use, mismatch, { ...change, source }, context);
    if (found) return found;
  }
  return undefined;
}

function byArithmeticAlone(
  use: PortUse,
  mismatch: PacketRecord,
  context: PortContext,
): PortFinding {
  const change = movedFrom(use, context);
  const recovered = recover(use, mismatch, change);
  const { low, high, exact } = context.range;
  const inRange = recovered >= low && recovered < high;
  if (isAmbiguousPort(recovered) || (exact && !inRange)) {
    return invalid(
      use,
      context,
      `the port that the checksum would name, ${recovered}, is not one of the VXLAN device's ` +
        `(${low}-${high - 1})`,
    );
  }
  return {
    ...base(use, context),
    state: 'stale',
    before: { source: (change && context.device?.local) ?? use.source, sourcePort: recovered },
    change,
    rewritten: true,
    doubt: inRange
      ? ''
      : `the recovered port ${recovered} is outside ${low}-${high - 1}, from which VXLAN devices usually send`,
  };
}

/** The same inner flow (of the same VNI), un-NATed from that port, with a right checksum. */
function siblingOf(
  use: PortUse,
  port: number,
  context: PortContext,
  source: string = use.source,
): PortUse | undefined {
  return context.others.find(
    other =>
      other.sourcePort === port &&
      other.source === source &&
      other.first.outer?.vni === use.first.outer?.vni &&
      other.valid &&
      !other.mismatch,
  );
}

function recover(use: PortUse, mismatch: PacketRecord, change: AddressChange | undefined): number {
  const { stored, correct } = mismatch.outerChecksum;
  return recoverSourcePort({ sourcePort: use.sourcePort, stored, correct }, change);
}

function addressChange(before: string, after: string): AddressChange | undefined {
  if (before === after) return undefined;
  const [from, to] = [addressWords(before), addressWords(after)];
  return from && to ? { before: from, after: to } : undefined;
}

function invalid(use: PortUse, context: PortContext, reason: string): PortFinding {
  return { ...base(use, context), state: 'invalid', reason };
}

function base(use: PortUse, context: PortContext): PortFinding {
  return {
    use,
    state: 'invalid',
    before: undefined,
    change: undefined,
    rewritten: undefined,
    namedBy: [],
    binding: context.binding,
    tapped: context.tapped,
    untracked: context.untracked,
    sibling: undefined,
    reason: '',
    doubt: '',
  };
}

/** Why a datagram convicts nobody whose inner checksum is neither right nor open. */
export function innerReason({ state, stored, correct }: ChecksumRecord): string {
  switch (state) {
    case 'mismatch':
      return `the inner checksum is wrong too (${hex16(stored)}, due ${hex16(correct)})`;
    case 'unverifiable':
      return 'the inner checksum cannot be verified, so nothing shows that only a port was rewritten';
    case 'zero':
      return 'the inner datagram has no checksum, so offload left nothing open';
    default:
      return 'the inner packet has no checksum that offload could have left open';
  }
}
