/** What is done with a run's verdict: the bundle is finished, where one is kept, and the verdict printed. */
import type { VerdictDocument } from '../analysis/verdict.js';
import type { BundlePlace } from '../evidence/bundle-place.js';
import type { OutputOptions } from './options.js';

/**
 * @returns the verdict as it was saved
 * @throws StalesumError `write-failed`, once the verdict is printed
 */
export async function finishRun(
  options: OutputOptions,
  place: BundlePlace | undefined,
  found: VerdictDocument,
): Promise<VerdictDocument> {
  const { printVerdict } = await import('../report/print.js');
  if (place === undefined) {
    await printVerdict(found, options);
    return found;
  }
  const { finishBundle } = await import('../report/finish-bundle.js');
  try {
    const { verdict, contents } = await finishBundle(place, found);
    await printVerdict(verdict, { ...options, evidence: `${place.path}  (${contents})` });
    return verdict;
  } catch (thrown) {
    // The verdict is known, whether it can be kept or not.
    await printVerdict(found, options);
    throw thrown;
  }
}
