import { describe, expect, it } from 'vitest';
import { rowOf } from '../../src/matrix/row.js';
import {
  measured,
  placeSample,
  predictionSample,
  resultSample,
  type SampleVerdict,
  verdictSample,
} from './samples.js';

const NOT_REWRITTEN: SampleVerdict = {
  verdict: 'not-rewritten',
  ports: [42112, 42112],
  checksum: 'valid',
  delivered: true,
  seconds: 0.0004,
};
const PREDICTS_NONE = { verdict: 'not-rewritten', outerSourcePortRewritten: false } as const;

function agreement(
  verdict: SampleVerdict,
  prediction: Parameters<typeof predictionSample>[0] = {},
): boolean | null {
  const result = resultSample({
    verdict: verdictSample(verdict),
    prediction: predictionSample(prediction),
  });
  return rowOf(placeSample(), result).agrees;
}

it('has the keys of the contract, in their order, and no others', () => {
  const { row } = measured(placeSample(), resultSample());
  expect(JSON.stringify(row)).toBe(
    JSON.stringify({
      scenario: 'unpatched',
      protocol: 'tcp',
      retransmits: 'kernel',
      predicted: 'stale-checksum',
      measured: 'stale-checksum',
      grade: 'proved',
      agrees: true,
      outerSourcePortRewritten: true,
      checksum: 'stale',
      delivered: false,
      delaySeconds: 1.031,
    }),
  );
});

describe('agreement', () => {
  it('is about the port, and about the bug', () => {
    expect(agreement({})).toBe(true);
    expect(agreement(NOT_REWRITTEN, PREDICTS_NONE)).toBe(true);
    expect(agreement(NOT_REWRITTEN)).toBe(false);
    expect(agreement({}, PREDICTS_NONE)).toBe(false);
  });

  it('is not given where the wrong one of the two defects was foretold', () => {
    expect(agreement({ verdict: 'mangled-checksum', checksum: 'mangled' })).toBe(false);
  });

  it('is not given where only the port was foretold wrongly', () => {
    const harmless: SampleVerdict = { verdict: 'double-snat-harmless', checksum: 'valid' };
    expect(agreement(harmless, PREDICTS_NONE)).toBe(false);
    const foretold = { verdict: 'double-snat-harmless', outerSourcePortRewritten: true } as const;
    expect(agreement(harmless, foretold)).toBe(true);
    expect(agreement({ ...NOT_REWRITTEN, verdict: 'no-fault' }, foretold)).toBe(false);
  });

  it('leaves out what rules do not decide: a broken wire, a lost packet', () => {
    const broken: SampleVerdict = { verdict: 'other-corruption', ports: [null, 38812] };
    expect(agreement(broken, PREDICTS_NONE)).toBe(true);
    // But not a bug that was foretold and is not there.
    expect(agreement(broken)).toBe(false);
  });

  it('is left open by whoever does not commit himself', () => {
    expect(agreement({}, { verdict: 'inconclusive', certain: false })).toBeNull();
    // A zero checksum on a kernel of a distribution: certain of the port alone.
    expect(agreement({}, { verdict: 'inconclusive', certain: true })).toBeNull();
    expect(agreement({ verdict: 'inconclusive', grade: 'none', ports: null })).toBeNull();
  });

  it('asks for tunnel traffic on both sides', () => {
    expect(agreement({ verdict: 'no-tunnel-traffic', ports: null }, PREDICTS_NONE)).toBe(false);
  });
});

describe('the rewritten port', () => {
  const rewritten = (verdict: SampleVerdict, conntrackRewrote: boolean | null) =>
    rowOf(placeSample(), resultSample({ verdict: verdictSample(verdict), conntrackRewrote }))
      .outerSourcePortRewritten;

  it('is what the packets show', () => {
    expect(rewritten({}, null)).toBe(true);
    expect(rewritten(NOT_REWRITTEN, null)).toBe(false);
  });

  it('is by the verdict where conntrack has no entry: untracked', () => {
    expect(rewritten({ ...NOT_REWRITTEN, ports: [null, 42112] }, null)).toBe(false);
  });

  it("is by node A's conntrack where the captures do not tell", () => {
    const broken: SampleVerdict = { verdict: 'other-corruption', ports: [null, 38812] };
    expect(rewritten(broken, false)).toBe(false);
    expect(rewritten(broken, true)).toBe(true);
    expect(rewritten(broken, null)).toBeNull();
  });
});

it('has nulls where nothing was seen', () => {
  const verdict = { ...verdictSample({ verdict: 'no-tunnel-traffic' }), flows: [] };
  expect(rowOf(placeSample(), resultSample({ verdict }))).toMatchObject({
    outerSourcePortRewritten: null,
    checksum: null,
    delivered: null,
    delaySeconds: null,
  });
});
