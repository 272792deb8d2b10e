/** Geometry of the dial: the recording is drawn round a clock, one bar for each slice of its time. */

export const BARS = 72;
export const DIAL = 300;
const INNER = 104;
const LEAST = 3;
const MOST = 40;

export interface Spoke {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/** Bar `index` of `BARS`, clockwise from twelve o'clock; `height` from 0 (a dot) to 1. */
export function spoke(index: number, height: number): Spoke {
  const angle = (2 * Math.PI * (index + 0.5)) / BARS;
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  const outer = INNER + LEAST + (MOST - LEAST) * Math.min(1, Math.max(0, height));
  const centre = DIAL / 2;
  const round = (value: number) => Math.round(value * 10) / 10;
  return {
    x1: round(centre + sin * INNER),
    y1: round(centre - cos * INNER),
    x2: round(centre + sin * outer),
    y2: round(centre - cos * outer),
  };
}

/** Which bar a moment belongs to. */
export function barAt(elapsed_s: number, total_s: number): number {
  return Math.min(BARS - 1, Math.max(0, Math.floor((elapsed_s / total_s) * BARS)));
}
