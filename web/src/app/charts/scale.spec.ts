import * as d3 from 'd3-scale';
import { describe, expect, it } from 'vitest';

import { scaleClamped, scaleLinear, scaleNice, scaleQuantize } from './scale';

/** D3 writes and places all of these: the independent implementation. */
const DOMAINS: [number, number][] = [
  [0, 1],
  [0, 0.0123],
  [-3.7, 12],
  [0, 98_765],
  [4, 4],
  [-0.4, 0.2],
];
const VALUES = [-5, 0, 0.01, 0.3, 1, 7, 5000, 98_765];

describe('scales', () => {
  it('place, tell back, tick and write as those of D3', () => {
    for (const domain of DOMAINS) {
      const [own, theirs] = [scaleLinear(domain, [10, 310]), d3.scaleLinear(domain, [10, 310])];
      for (const value of VALUES) expect(own(value)).toBeCloseTo(theirs(value), 6);
      if (domain[0] === domain[1]) continue;
      expect(own.invert(77)).toBeCloseTo(theirs.invert(77), 9);
      for (const n of [2, 3, 5, 10]) {
        expect(own.ticks(n)).toEqual(theirs.ticks(n));
        expect(own.ticks(n).map(own.tickFormat(n))).toEqual(theirs.ticks(n).map(theirs.tickFormat(n)));
      }
    }
  });

  it('round and clamp as those of D3', () => {
    for (const domain of DOMAINS.filter(([a, b]) => a !== b)) {
      const [rounded, clamped] = [scaleNice(domain, [0, 100], 5), scaleClamped(domain, [0, 100])];
      const theirs = d3.scaleLinear(domain, [0, 100]);
      for (const value of VALUES) {
        expect(rounded(value)).toBeCloseTo(theirs.copy().nice(5)(value), 6);
        expect(clamped(value)).toBeCloseTo(theirs.copy().clamp(true)(value), 6);
      }
    }
  });

  it('step as those of D3', () => {
    const [own, theirs] = [scaleQuantize([0, 1], [0, 1, 2, 3]), d3.scaleQuantize([0, 1], [0, 1, 2, 3])];
    for (const value of [-1, 0, 0.1, 0.25, 0.49, 0.5, 0.75, 0.999, 1, 2]) expect(own(value)).toBe(theirs(value));
  });
});
