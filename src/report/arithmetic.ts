/** The proof of one datagram, written out so that it can be followed with a calculator. */
import { tellingFrame } from '../analysis/telling-frame.js';
import type { CaptureReport, FlowReport, FrameReference } from '../analysis/verdict.js';
import { printable } from '../output.js';
import { addressWords } from '../wire/address.js';
import { columns, shortened } from './text.js';
import { unitOf } from './wording.js';

/** How the old source port follows from one convicted first packet. */
export interface Recovery {
  /** Which first packet, from 1. */
  readonly number: number;
  readonly frame: FrameReference | undefined;
  readonly port: number;
  readonly correct: number;
  readonly stored: number;
  /** The source address, where it was rewritten too: twice the difference of the sums of its words. */
  readonly address: {
    readonly before: string;
    readonly after: string;
    readonly term: number;
  } | null;
  /** The plain sum of these, and what it is modulo 65535. */
  readonly total: number;
  readonly recovered: number;
}

/** For the first convicted SYN of a flow; `undefined` where nothing is to be shown. */
export function recoveryOf(
  { syns, outer }: FlowReport,
  captures: readonly CaptureReport[],
): Recovery | undefined {
  const syn = syns.find(({ checksum }) => checksum?.state === 'stale');
  if (!syn?.checksum || syn.outerSourcePort === null || syn.recoveredPort === null || !outer) {
    return undefined;
  }
  const stored = Number(syn.checksum.stored);
  const correct = Number(syn.checksum.correct);
  const port = syn.outerSourcePort;
  const address = addressTerm(outer.sourceBefore, outer.source);
  const total = port + correct - stored + (address?.term ?? 0);
  const recovered = oneComplement(total);
  if (recovered !== syn.recoveredPort) return undefined;
  return {
    number: syns.indexOf(syn) + 1,
    frame: tellingFrame(syn.frames, captures),
    port,
    correct,
    stored,
    address,
    total,
    recovered,
  };
}

/** Lines for the first convicted SYN of a flow; none where nothing is to be shown. */
export function arithmeticLines(flow: FlowReport, captures: readonly CaptureReport[]): string[] {
  const recovery = recoveryOf(flow, captures);
  if (!recovery) return [];
  const { number, frame, port, correct, stored, address, recovered } = recovery;
  const where = frame ? ` (${shortened(printable(frame.capture), 40)}, frame ${frame.number})` : '';
  return [
    `${unitOf(flow)} ${number}${where}, one's-complement arithmetic (modulo 65535):`,
    ...columns([
      ['  source port in the header', right(port), hex(port)],
      ['+ checksum that its bytes call for', right(correct), hex(correct)],
      ['- checksum that it carries', right(stored), hex(stored)],
      ...(address ? [[addressLabel(address), right(address.term), '']] : []),
      ['= source port it was made for', right(recovered), hex(recovered), wrappedText(recovery)],
    ]),
  ];
}

/** `= 77824, and - 65535`: how the plain sum becomes the port; empty where it is the port. */
export function wrappedText({ total, recovered }: Recovery): string {
  if (total === recovered) return '';
  const times = Math.abs(total - recovered) / 0xffff;
  const factor = times === 1 ? '' : `${times} x `;
  return `  = ${total}, and ${total > recovered ? '-' : '+'} ${factor}65535`;
}

export function addressLabel({ before, after }: NonNullable<Recovery['address']>): string {
  return `+ 2 x (addr(${printable(after)}) - addr(${printable(before)}))`;
}

/** The kernel updated a rewritten address in the wrong sense (see `recoverSourcePort`). */
function addressTerm(before: string | null, after: string): Recovery['address'] {
  if (before === null || before === after) return null;
  const [from, to] = [addressWords(before), addressWords(after)];
  if (!from || !to) return null;
  const sum = (words: readonly number[]) => words.reduce((total, word) => total + word, 0);
  return { before, after, term: 2 * (sum(to) - sum(from)) };
}

function oneComplement(value: number): number {
  const rest = ((value % 0xffff) + 0xffff) % 0xffff;
  return rest === 0 ? 0xffff : rest;
}

function right(value: number): string {
  return String(value).padStart(7);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}
