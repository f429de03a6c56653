/** The proof of one datagram, written out so that it can be followed with a calculator. */
import type { CaptureReport, FlowReport, FrameReference, SynReport } from '../analysis/verdict.js';
import { printable } from '../output.js';
import { columns, shortened } from './text.js';

/** Lines for the first convicted SYN of a flow; none where nothing is to be shown. */
export function arithmeticLines(
  { syns, outer }: FlowReport,
  captures: readonly CaptureReport[],
): string[] {
  const syn = syns.find(({ checksum }) => checksum?.state === 'stale');
  if (!syn?.checksum || syn.outerSourcePort === null || syn.recoveredPort === null || !outer) {
    return [];
  }
  const stored = Number(syn.checksum.stored);
  const correct = Number(syn.checksum.correct);
  const port = syn.outerSourcePort;
  const plain = oneComplement(port + correct - stored);
  if (plain !== syn.recoveredPort) return [];
  const total = port + correct - stored;
  const wrapped = total === plain ? '' : `  = ${total}, and ${total > plain ? '-' : '+'} 65535`;
  const number = syns.indexOf(syn) + 1;
  const frame = frameToShow(syn, captures);
  const where = frame ? ` (${shortened(printable(frame.capture), 40)}, frame ${frame.number})` : '';
  return [
    `SYN ${number}${where}, one's-complement arithmetic (modulo 65535):`,
    ...columns([
      ['  source port in the header', right(port), hex(port)],
      ['+ checksum that its bytes call for', right(correct), hex(correct)],
      ['- checksum that it carries', right(stored), hex(stored)],
      ['= source port it was made for', right(plain), hex(plain), wrapped],
    ]),
  ];
}

/** At the receiver nothing is left for offload to finish, so any tool computes the same sum there. */
function frameToShow(
  { frames }: SynReport,
  captures: readonly CaptureReport[],
): FrameReference | undefined {
  const roles = ['peer-underlay', 'underlay'];
  const found = roles.flatMap(role =>
    frames.filter(frame =>
      captures.some(({ name, role: own }) => name === frame.capture && own === role),
    ),
  );
  return found[0];
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
