/** Scales of charts, from numbers to places and back; ticks are D3's. Every function is pure. */

import { nice, ticks, tickStep } from 'd3-array';

type Pair = readonly [number, number];

export interface Scale {
  (value: number): number;
  /** The value at a place. */
  invert(place: number): number;
  /** Round values, about so many. */
  ticks(count: number): number[];
  /** How those are written: with as many decimals as tell them apart. */
  tickFormat(count: number): (value: number) => string;
}

/** A straight line through both pairs; where the values do not differ, everything is in the middle. */
export function scaleLinear([a, b]: Pair, [from, to]: Pair): Scale {
  const at = (value: number) => from + (b === a ? 0.5 : (value - a) / (b - a)) * (to - from);
  return Object.assign(at, {
    invert: (place: number) => a + ((place - from) / (to - from)) * (b - a),
    ticks: (count: number) => ticks(a, b, count),
    tickFormat: (count: number) => {
      const digits = Math.max(0, -Math.floor(Math.log10(Math.abs(tickStep(a, b, count)))));
      const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
      return (value: number) => value.toLocaleString('en-US', options).replace('-', '−');
    },
  });
}

/** As `scaleLinear`, from one round value to another that hold the pair between them. */
export function scaleNice([a, b]: Pair, range: Pair, count: number): Scale {
  return scaleLinear(nice(a, b, count), range);
}

/** As `scaleLinear`, and what is beyond the pair is at its end. */
export function scaleClamped([a, b]: Pair, range: Pair): (value: number) => number {
  const at = scaleLinear([a, b], range);
  return (value) => at(Math.max(a, Math.min(b, value)));
}

/** Steps of equal width: which of `steps` a value belongs to. */
export function scaleQuantize([a, b]: Pair, steps: readonly number[]): (value: number) => number {
  const last = steps.length - 1;
  return (value) => steps[Math.max(0, Math.min(last, Math.floor(((value - a) / (b - a)) * steps.length)))]!;
}
