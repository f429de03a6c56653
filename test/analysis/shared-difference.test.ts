import { expect, it } from 'vitest';
import { sharedByMoreThanChance } from '../../src/analysis/shared-difference.js';

// Expected groups of k among n random 16-bit values: C(n, k) / 65535^(k - 1).
it.each([
  [2, 2], // C(2,2)/65535 = 0.00002
  [36, 2], // 630/65535 = 0.0096
  [37, 3], // 666/65535 = 0.0102, one too many; C(37,3)/65535^2 = 0.000002
  [300, 3], // C(300,3)/65535^2 = 0.001
  [700, 4], // C(700,3)/65535^2 = 0.013; C(700,4)/65535^3 = 0.00004
])('among %i flows it takes %i with one difference to mean something', (flows, enough) => {
  expect(sharedByMoreThanChance(flows)).toBe(enough);
});
