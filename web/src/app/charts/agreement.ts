/** Geometry of agreement against lag: a line over the track, its highest place and the decision threshold. */

import { bisector, greatest, max, min } from 'd3-array';
import { line } from 'd3-shape';

import { minus } from '../ui/format';
import { clockTicks } from './timeline';
import { scaleLinear, scaleNice } from './scale';

export interface Alignment {
  /** Places in the track of the snippet's first sample, ascending, seconds. */
  readonly lags_s: readonly number[];
  /** Agreement at each, from -1 to 1; chance is 0. */
  readonly agreement: readonly number[];
  /** Agreement from which a match counts, if there is such a one. */
  readonly threshold: number | null;
}

export interface Point {
  readonly lag: number;
  readonly value: number;
}

/**
 * At most four points a column: first, least, greatest, last. A peak one lag wide survives any width, and the
 * line looks as if every point had been drawn.
 */
export function envelope(points: readonly Point[], columns: number): Point[] {
  if (points.length <= columns * 4) return [...points];
  const first = points[0]!.lag;
  const span = points[points.length - 1]!.lag - first || 1;
  const kept: Point[] = [];
  let start = 0;
  for (let column = 0; column < columns && start < points.length; column++) {
    const edge = first + (span * (column + 1)) / columns;
    let end = start;
    let low = start;
    let high = start;
    while (end < points.length && (points[end]!.lag < edge || column === columns - 1)) {
      if (points[end]!.value < points[low]!.value) low = end;
      if (points[end]!.value > points[high]!.value) high = end;
      end++;
    }
    if (end > start) {
      for (const index of [...new Set([start, low, high, end - 1])].sort((a, b) => a - b)) kept.push(points[index]!);
    }
    start = end;
  }
  return kept;
}

/** Finds the point nearest to a lag, among points in order of lag. */
export const byLag = bisector((point: Point) => point.lag);

/** The highest place, the first of several. */
export function highest(points: readonly Point[]): Point | null {
  return greatest(points, (point) => point.value) ?? null;
}

/** The `count` highest places, best first, at least `gap` seconds apart. */
export function peaks(points: readonly Point[], count: number, gap: number): Point[] {
  const chosen: Point[] = [];
  for (const point of [...points].sort((a, b) => b.value - a.value)) {
    if (chosen.length === count) break;
    if (chosen.every((other) => Math.abs(other.lag - point.lag) >= gap)) chosen.push(point);
  }
  return chosen;
}

/** Pairs of finite numbers, in order of lag. */
export function pointsOf(alignment: Alignment): Point[] {
  const points: Point[] = [];
  const length = Math.min(alignment.lags_s.length, alignment.agreement.length);
  for (let index = 0; index < length; index++) {
    const point = { lag: alignment.lags_s[index]!, value: alignment.agreement[index]! };
    if (Number.isFinite(point.lag) && Number.isFinite(point.value)) points.push(point);
  }
  return points.sort((a, b) => a.lag - b.lag);
}

export interface AgreementChart {
  /** Places at the left and right edge, seconds. */
  readonly low: number;
  readonly high: number;
  readonly path: string;
  readonly peak: { readonly x: number; readonly y: number; readonly point: Point; readonly passes: boolean } | null;
  readonly thresholdY: number | null;
  /** Whether the threshold's label is better off at the left end, away from the peak. */
  readonly labelLeft: boolean;
  readonly zeroY: number;
  readonly xTicks: { readonly x: number; readonly label: string }[];
  readonly yTicks: { readonly y: number; readonly label: string }[];
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** The measured point nearest to a horizontal pixel. */
  readonly at: (x: number) => { readonly x: number; readonly y: number; readonly point: Point } | null;
}

const MARGIN = { top: 30, right: 14, bottom: 46, left: 44 };

/**
 * Of points in order of lag, as `pointsOf` gives them: there may be ten thousand. `range` limits the lags that are drawn
 * (seconds); the vertical scale always holds threshold and peak.
 */
export function agreementChart(
  all: readonly Point[],
  threshold: number | null,
  width: number,
  height: number,
  range: readonly [number, number] | null = null,
): AgreementChart {
  const points = range ? all.slice(byLag.left(all, range[0]), byLag.right(all, range[1])) : all;
  const [low, high] = [points[0]?.lag ?? 0, points[points.length - 1]?.lag ?? 1];
  const left = MARGIN.left;
  const right = Math.max(left + 40, width - MARGIN.right);
  const bottom = height - MARGIN.bottom;
  const x = scaleLinear([low, high > low ? high : low + 1], [left, right]);
  const most = Math.max(max(points, (point) => point.value) ?? 0, threshold ?? 0);
  // Agreement is 1 at most: room above the peak is none beyond that.
  const top = Math.max(most, Math.min(1, most * 1.12));
  const y = scaleNice(
    [Math.min(0, min(points, (point) => point.value) ?? 0), top > 0 ? top : 1],
    [bottom, MARGIN.top],
    5,
  );
  const drawn = envelope(points, Math.floor(right - left));
  const path =
    line<Point>(
      (point) => round(x(point.lag)),
      (point) => round(y(point.value)),
    )(drawn) ?? '';
  const best = highest(points);
  const place = (point: Point) => ({ x: round(x(point.lag)), y: round(y(point.value)), point });
  const yFormat = y.tickFormat(5);
  return {
    low,
    high,
    path,
    peak: best ? { ...place(best), passes: threshold !== null && best.value >= threshold } : null,
    thresholdY: threshold === null ? null : round(y(threshold)),
    labelLeft: best !== null && x(best.lag) > (left + right) / 2,
    zeroY: round(y(0)),
    xTicks: clockTicks(low, high, right - left).map((tick) => ({ x: round(x(tick.value)), label: tick.label })),
    yTicks: y.ticks(5).map((value) => ({ y: round(y(value)), label: minus(yFormat(value)) })),
    left,
    right,
    top: MARGIN.top,
    bottom,
    at: (pixel) => (points.length ? place(points[byLag.center(points, x.invert(pixel))]!) : null),
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
