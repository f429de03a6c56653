/**
 * What limited a live run, as data: a note is kept in the run record and put into words when the recording
 * is judged, so that a redacted copy says the same of its own names.
 */

export type RunNote =
  /** The receiver's underlay is a veth link with tx offload on; or may be, since its other end is not in reach. */
  | {
      readonly kind: 'loss-hidden' | 'loss-maybe-hidden';
      readonly node: string;
      readonly device: string;
    }
  /** The offload of a device was off during the run: of the link's far end, or of the node's own. */
  | { readonly kind: 'offload-off'; readonly device: string; readonly far: boolean }
  | { readonly kind: 'lacks'; readonly node: string; readonly tool: LackedTool }
  /** Only some of the target's endpoints are on the receiver's node. */
  | {
      readonly kind: 'other-endpoints';
      readonly node: string;
      readonly there: number;
      readonly all: number;
      readonly attempts: number;
    };

/** What a node may lack, and a verdict is still possible; `rules`: neither iptables-save nor nft. */
export const LACKED_TOOLS = ['conntrack', 'rules', 'ethtool', 'ss'] as const;
export type LackedTool = (typeof LACKED_TOOLS)[number];

const COST: Readonly<Record<LackedTool, string>> = {
  conntrack:
    'no conntrack: a second SNAT can be proved only by a sibling datagram from the port before it, and ' +
    'not-rewritten becomes no-fault',
  rules:
    'neither iptables-save nor nft: the rule cannot be named, and where a service leads is learnt from conntrack',
  ethtool: 'no ethtool: whether its links hide a loss is not known',
  ss: "no ss: the kernel's count of retransmits is missing",
};

/** The note as a sentence. */
export function noteText(note: RunNote): string {
  switch (note.kind) {
    case 'loss-hidden':
      return (
        `${note.node}/${note.device} is a veth link with tx checksum offload on, as in kind: the receiver trusts ` +
        'checksums that nobody has finished, so what a real wire would lose is delivered, and neither loss nor ' +
        'delay shows (--expose-veth-loss turns the offload off for the run)'
      );
    case 'loss-maybe-hidden':
      return (
        `${note.node}/${note.device} is a veth link whose other end is not in reach: if checksums are unfinished ` +
        'when they arrive there, as in kind, what a real wire would lose is delivered (--expose-veth-loss turns ' +
        "the offload of the node's own end off for the run)"
      );
    case 'offload-off':
      return (
        `tx checksum offload of ${note.device} was off during the run (--expose-veth-loss)` +
        (note.far ? '' : ": the node's own end, which shows less than the other one would")
      );
    case 'lacks':
      return `${note.node}: ${COST[note.tool]}`;
    case 'other-endpoints':
      return (
        `${note.there} of ${note.all} endpoints are on ${note.node}: of ${note.attempts} connections only those ` +
        'to them are examined'
      );
  }
}

/** A note as it was saved; `undefined` for what is none. */
export function parseNote(value: unknown): RunNote | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, node, device, far, tool, there, all, attempts } = value as Record<string, unknown>;
  const known = LACKED_TOOLS.find(name => name === tool);
  const areNumbers = [there, all, attempts].every(number => typeof number === 'number');
  if ((kind === 'loss-hidden' || kind === 'loss-maybe-hidden') && isText(node) && isText(device)) {
    return { kind, node, device };
  }
  if (kind === 'offload-off' && isText(device)) return { kind, device, far: far === true };
  if (kind === 'lacks' && isText(node) && known) return { kind, node, tool: known };
  if (kind === 'other-endpoints' && isText(node) && areNumbers) {
    return { kind, node, there: Number(there), all: Number(all), attempts: Number(attempts) };
  }
  return undefined;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
