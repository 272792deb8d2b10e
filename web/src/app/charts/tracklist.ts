/** Geometry of a tracklist: stretches of a long recording, in rows of equal length, overlaps in lanes. */

import { scaleLinear } from 'd3-scale';

import { clockTicks } from './timeline';
import { ellipsis } from './nearest';

export interface Stretch {
  readonly start_s: number;
  readonly end_s: number;
}

export interface TracklistBar<T extends Stretch> {
  readonly segment: T;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  /** What fits of the name; empty if nothing does. */
  readonly label: string;
}

export interface TracklistRow {
  readonly start_s: number;
  readonly end_s: number;
  readonly y: number;
  /** Where the axis lies. */
  readonly axis: number;
  readonly ticks: readonly { readonly x: number; readonly label: string }[];
}

export interface TracklistChart<T extends Stretch> {
  readonly rows: readonly TracklistRow[];
  readonly bars: readonly TracklistBar<T>[];
  readonly left: number;
  readonly right: number;
  readonly height: number;
}

export const LANE = 36;
export const BAR = 30;
const AXIS = 34;
const PAD = 4;
const LEAST_WIDTH = 3;
/** Longer recordings get more rows, until a pixel is so many seconds; and never more rows than this. */
const SECONDS_A_PIXEL = 4;
const MOST_ROWS = 12;
const SPANS = [300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400];

/** Seconds in a row of `pixels`. */
export function rowSpan(duration_s: number, pixels: number): number {
  const rows = Math.min(MOST_ROWS, Math.ceil(duration_s / (pixels * SECONDS_A_PIXEL)));
  if (rows <= 1) return Math.max(1, duration_s);
  const wanted = duration_s / rows;
  return SPANS.find((span) => span >= wanted) ?? wanted;
}

/** The lane of each segment, in order of starts: the first one in which nothing sounds any more. */
export function lanesOf(segments: readonly Stretch[]): number[] {
  const ends: number[] = [];
  return segments.map((segment) => {
    let lane = ends.findIndex((end) => end <= segment.start_s);
    if (lane < 0) lane = ends.length;
    ends[lane] = segment.end_s;
    return lane;
  });
}

/** Bars of all segments, at most `width` pixels wide; one that goes on in the next row has a bar in both. */
export function tracklistChart<T extends Stretch>(
  segments: readonly T[],
  duration_s: number,
  width: number,
  name: (segment: T) => string,
): TracklistChart<T> {
  const left = PAD;
  const right = Math.max(left + 40, width - PAD);
  const sorted = [...segments].sort((a, b) => a.start_s - b.start_s || a.end_s - b.end_s);
  const length = Math.max(duration_s, ...sorted.map((segment) => segment.end_s), 1);
  const span = rowSpan(length, right - left);
  const lanes = lanesOf(sorted);
  const rows: TracklistRow[] = [];
  const bars: TracklistBar<T>[] = [];
  let y = 0;
  for (let start_s = 0; start_s < length; start_s += span) {
    const end_s = start_s + span;
    const x = scaleLinear([start_s, end_s], [left, right]).clamp(true);
    let used = 1;
    for (const [index, segment] of sorted.entries()) {
      if (segment.end_s <= start_s || segment.start_s >= end_s) continue;
      const lane = lanes[index]!;
      used = Math.max(used, lane + 1);
      const from = Math.min(x(segment.start_s), right - LEAST_WIDTH);
      const bar = Math.max(LEAST_WIDTH, x(segment.end_s) - from);
      bars.push({
        segment,
        x: from,
        y: y + lane * LANE,
        width: bar,
        label: bar < 44 ? '' : ellipsis(name(segment), bar - 14),
      });
    }
    const axis = y + used * LANE;
    const ticks = clockTicks(
      start_s,
      Math.min(end_s, length),
      ((right - left) * (Math.min(end_s, length) - start_s)) / span,
    );
    rows.push({ start_s, end_s, y, axis, ticks: ticks.map((tick) => ({ x: x(tick.value), label: tick.label })) });
    y = axis + AXIS;
  }
  return { rows, bars, left, right, height: y };
}
