/** The proof of one datagram, written out so that it can be followed with a calculator. */
import type { FlowReport } from '../analysis/verdict.js';
import { columns } from './text.js';

/** Lines for the first convicted SYN of a flow; none where nothing is to be shown. */
export function arithmeticLines({ syns, outer }: FlowReport): string[] {
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
  const [number = 1] = [syns.indexOf(syn) + 1];
  const frame = syn.frames.find(({ capture }) => capture.includes('underlay')) ?? syn.frames[0];
  const where = frame ? ` (${frame.capture}, frame ${frame.number})` : '';
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
