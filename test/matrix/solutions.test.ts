import { expect, it } from 'vitest';
import { planScenarios } from '../../src/matrix/plan.js';
import { judgeSolutions } from '../../src/matrix/solutions.js';
import {
  matrixSample,
  measured,
  placeSample,
  predictionSample,
  resultSample,
  verdictSample,
} from './samples.js';

it('names only scenarios that the matrix measures', () => {
  const rows = planScenarios([]).flatMap(({ scenario, protocols }) =>
    protocols.map(protocol => measured(placeSample(scenario.name, { protocol }), resultSample())),
  );
  const judged = judgeSolutions(matrixSample(rows));
  expect(judged).toHaveLength(13);
  for (const { fates } of judged) {
    expect(fates.map(({ of }) => of)).toEqual([
      ...['TCP', 'DNS', 'TCP over IPv6', 'DNS over IPv6'],
    ]);
  }
});

it('answers for each protocol: what works for DNS need not work for TCP', () => {
  const name = 'nic-offload-off';
  const dns = verdictSample({
    ...{ verdict: 'double-snat-harmless', checksum: 'valid', delivered: true, seconds: 0.0004 },
  });
  const prediction = predictionSample({
    verdict: 'double-snat-harmless',
    because:
      'it still carries mark 0x4000, as the inner packet was masqueraded by KUBE-POSTROUTING (iptables-save.before.txt:60); decided by KUBE-POSTROUTING (iptables-save.before.txt:60); harmless here',
  });
  const matrix = matrixSample([
    measured(placeSample(name), resultSample()),
    measured(placeSample(name, { protocol: 'udp' }), resultSample({ verdict: dns, prediction })),
  ]);
  const [{ fates } = { fates: [] }] = judgeSolutions(matrix);
  expect(fates).toEqual([
    expect.objectContaining({ of: 'TCP', answer: 'fails', text: 'stale, 1.0 s' }),
    {
      of: 'DNS',
      answer: 'works',
      text: 'rewritten, checksum right',
      because:
        'it still carries mark 0x4000, as the inner packet was masqueraded by KUBE-POSTROUTING; harmless here',
    },
  ]);
});

it.each([
  [{ verdict: 'stale-checksum', seconds: null }, 'fails', 'stale, lost'],
  [
    { verdict: 'stale-checksum', delivered: true, seconds: 0.0002 },
    'fails',
    'stale, not lost here',
  ],
  [
    { verdict: 'double-snat-harmless', checksum: 'zero', delivered: true },
    'works',
    'rewritten, no checksum',
  ],
  [{ verdict: 'not-rewritten', checksum: 'valid', delivered: true }, 'works', 'port kept'],
  [{ verdict: 'inconclusive', grade: 'none' }, 'open', 'inconclusive'],
] as const)('%j: %s: %s', (verdict, answer, text) => {
  const result = resultSample({ verdict: verdictSample(verdict) });
  const [solution] = judgeSolutions(matrixSample([measured(placeSample(), result)]));
  expect(solution!.fates[0]).toMatchObject({ answer, text });
});
