/** The kernel: what runs for every packet of a large capture. `npm run build` makes dist/kernel.wasm of it. */
import { fold, sumOf, swapped } from './sum';

export { apply, configureApply, examineAndApply, forget, remember } from './apply';
export { configureExamine, examine } from './examine';
export { indexPcap, indexStopped } from './index-pcap';

/** The folded sum of the big-endian 16-bit words in `[start, end)`, as src/wire/checksum.ts has it. */
export function sum(start: usize, end: usize): u32 {
  return swapped(fold(sumOf(start, end)));
}
