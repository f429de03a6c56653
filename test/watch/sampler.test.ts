import { describe, expect, it } from 'vitest';
import { SPARSEST_SAMPLE } from '../../src/capture/filter.js';
import { DATAGRAMS_A_SECOND, Sampler } from '../../src/watch/sampler.js';

const note = (sampler: Sampler, count: number, isFirst: boolean) => {
  for (let i = 0; i < count; i++) sampler.note(isFirst);
};

describe('the sampler', () => {
  it('takes everything while it is not too much', () => {
    const sampler = new Sampler(undefined);
    note(sampler, DATAGRAMS_A_SECOND, true);
    note(sampler, DATAGRAMS_A_SECOND, false);
    expect(sampler.adjust(1, 0)).toBeUndefined();
    expect(sampler.sample).toEqual({ first: 1, other: 1 });
    expect(sampler.passedOver).toBe(0);
  });

  it('takes a part of what is too much, and of that alone', () => {
    const sampler = new Sampler(undefined);
    note(sampler, 100, true);
    note(sampler, 20 * DATAGRAMS_A_SECOND, false);
    expect(sampler.adjust(2, 0)).toEqual({ first: 1, other: 10 });
    // The same traffic goes on: a tenth of it is taken, and that is what should be.
    note(sampler, 100, true);
    note(sampler, 2 * DATAGRAMS_A_SECOND, false);
    expect(sampler.adjust(2, 0)).toBeUndefined();
    expect(sampler.passedOver).toBe(9 * 2 * DATAGRAMS_A_SECOND);
  });

  it('counts what the ring had no room for', () => {
    const sampler = new Sampler(undefined);
    note(sampler, DATAGRAMS_A_SECOND, false);
    expect(sampler.adjust(1, 3 * DATAGRAMS_A_SECOND)).toEqual({ first: 1, other: 4 });
  });

  it('also of beginnings, when there are too many', () => {
    const sampler = new Sampler(undefined);
    note(sampler, 5 * DATAGRAMS_A_SECOND, true);
    expect(sampler.adjust(1, 0)).toEqual({ first: 5, other: 1 });
    expect(sampler.adjust(1, 0)).toEqual({ first: 1, other: 1 });
  });

  it('takes more again only when it is worth it', () => {
    const sampler = new Sampler(undefined);
    note(sampler, 10 * DATAGRAMS_A_SECOND, false);
    expect(sampler.adjust(1, 0)).toEqual({ first: 1, other: 10 });
    note(sampler, 0.6 * DATAGRAMS_A_SECOND, false);
    expect(sampler.adjust(1, 0)).toBeUndefined();
    note(sampler, 0.5 * DATAGRAMS_A_SECOND, false);
    expect(sampler.adjust(1, 0)).toEqual({ first: 1, other: 5 });
  });

  it('never asks for less than a filter can take', () => {
    const sampler = new Sampler(undefined);
    note(sampler, 2, false);
    expect(sampler.adjust(1e-9, 0)).toEqual({ first: 1, other: 200_000 });
    note(sampler, 1000, false);
    expect(sampler.adjust(1e-9, 0)).toEqual({ first: 1, other: SPARSEST_SAMPLE });
  });

  it('keeps to what it was told', () => {
    const sampler = new Sampler(7);
    expect(sampler.sample).toEqual({ first: 1, other: 7 });
    note(sampler, 1e6, false);
    expect(sampler.adjust(1, 0)).toBeUndefined();
  });
});
