/**
 * Live tests need namespaces. Where the system refuses them the tests are skipped and say why; with
 * STALESUM_REQUIRE_LIVE=1 they fail instead, so that a CI run cannot pass by testing nothing.
 */
import { describe, it } from 'vitest';
import { StalesumError } from '../../src/errors.js';
import { findWayIn } from '../../src/lab/permission.js';

/** Why no lab can be had here; undefined where one can. */
export const refusal: string | undefined = await findWayIn().then(
  () => undefined,
  fault => {
    if (fault instanceof StalesumError) {
      return fault.message;
    }
    throw fault;
  },
);

/** `describe` for tests that need a lab, or what `reason` names as lacking. */
export function describeLive(name: string, body: () => void, reason = refusal): void {
  describeUnless(reason, name, body);
}

/** `describe` for tests that need what `reason`, if there is one, says is not here. */
export function describeUnless(reason: string | undefined, name: string, body: () => void): void {
  if (reason === undefined) {
    describe(name, body);
  } else if (process.env.STALESUM_REQUIRE_LIVE === '1') {
    describe(name, () => {
      it('must not be skipped (STALESUM_REQUIRE_LIVE=1)', () => {
        throw new Error(reason);
      });
    });
  } else {
    console.warn(`skipped: ${name}: ${reason}`);
    describe.skip(`${name} (skipped: ${reason})`, body);
  }
}
