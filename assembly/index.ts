/** The kernel: what runs for every packet of a large capture. `npm run build` makes dist/kernel.wasm of it. */
import { fold, MOST_BYTES, sumOf, swapped } from './sum';

export { apply, configureApply, examineAndApply, forget, remember } from './apply';
export { configureExamine, examine } from './examine';
export { indexPcap, indexStopped } from './index-pcap';

/** The folded sum of the big-endian 16-bit words in `[start, end)`, as src/wire/checksum.ts has it. */
export function sum(start: usize, end: usize): u32 {
  let total: u64 = 0;
  let at = start;
  for (; at + MOST_BYTES < end; at += MOST_BYTES) total += sumOf(at, at + MOST_BYTES);
  return swapped(fold(total + sumOf(at, end)));
}
