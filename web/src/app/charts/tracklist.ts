/** Geometry of a tracklist: stretches of a long recording, in rows of equal length, overlaps in lanes. */

import { clockTicks } from './timeline';
import { ellipsis } from './nearest';
import { scaleClamped } from './scale';

export interface Stretch {
  readonly start_s: number;
  readonly end_s: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

export interface TracklistBar<T extends Stretch> extends Box {
  readonly segment: T;
  /** What fits of the name; empty if nothing does. */
  readonly label: string;
}

export interface TracklistRow {
  readonly start_s: number;
  readonly end_s: number;
  readonly y: number;
  /** Where the axis lies. */
  readonly axis: number;
  /** Where the second list begins. */
  readonly beneath: number;
  readonly ticks: readonly { readonly x: number; readonly label: string }[];
}

export interface TracklistChart<T extends Stretch> {
  readonly rows: readonly TracklistRow[];
  readonly bars: readonly TracklistBar<T>[];
  /** A lane beneath the bars of each row, if anything is to be said there. */
  readonly sounds: readonly TracklistBar<T>[];
  readonly left: number;
  readonly right: number;
  readonly height: number;
}

export const LANE = 36;
export const BAR = 30;
/** The lane of sounds, and a stretch in it. */
const SOUND_LANE = 26;
export const SOUND = 20;
const AXIS = 34;
const PAD = 4;
/** For the letters of two lists. */
const GUTTER = 18;
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

/** Bars as one path, their corners rounded: of a long recording there are more than a browser draws well one by one. */
export function boxes(bars: readonly Box[], height: number): string {
  let path = '';
  for (const { x, y, width } of bars) {
    const r = Math.min(3, width / 2);
    const [across, down] = [width - 2 * r, height - 2 * r];
    const corner = `a${r},${r} 0 0 1 `;
    path += `M${x + r},${y}h${across}${corner}${r},${r}v${down}${corner}${-r},${r}h${-across}${corner}${-r},${-r}v${-down}${corner}${r},${-r}z`;
  }
  return path;
}

/** The lower edges of bars. */
export function edges(bars: readonly Box[], height: number, edge: number): string {
  return bars.map(({ x, y, width }) => `M${x},${y + height - edge}h${width}v${edge}h${-width}z`).join('');
}

/** The segment whose bar or sound lies at a place of the drawing. */
export function segmentAt<T extends Stretch>({ bars, sounds }: TracklistChart<T>, x: number, y: number): T | null {
  const at = (list: readonly TracklistBar<T>[], height: number) =>
    list.find((bar) => x >= bar.x && x <= bar.x + bar.width && y >= bar.y && y <= bar.y + height);
  return (at(bars, BAR) ?? at(sounds, SOUND))?.segment ?? null;
}

/**
 * Bars of all segments, at most `width` pixels wide; one that goes on in the next row has a bar in both. A second list
 * lies `beneath` the first one, on the same axis. What `sound` says of the segments of the first one has a lane, in which
 * each begins where the one before ends.
 */
export function tracklistChart<T extends Stretch>(
  segments: readonly T[],
  duration_s: number,
  width: number,
  name: (segment: T) => string,
  beneath: readonly T[] = [],
  sound: (segment: T) => string = () => '',
): TracklistChart<T> {
  const left = beneath.length ? GUTTER : PAD;
  const right = Math.max(left + 40, width - PAD);
  const [first, second] = [segments, beneath].map((list) =>
    [...list].sort((a, b) => a.start_s - b.start_s || a.end_s - b.end_s),
  ) as [T[], T[]];
  const sorted = [...first, ...second];
  const length = Math.max(duration_s, ...sorted.map((segment) => segment.end_s), 1);
  const span = rowSpan(length, right - left);
  const upper = lanesOf(first);
  const depth = Math.max(0, ...upper) + 1;
  const lanes = [...upper, ...lanesOf(second).map((lane) => lane + depth)];
  const rows: TracklistRow[] = [];
  const bars: TracklistBar<T>[] = [];
  const sounds: TracklistBar<T>[] = [];
  const said = first.filter((segment) => sound(segment));
  let y = 0;
  for (let start_s = 0; start_s < length; start_s += span) {
    const end_s = start_s + span;
    const x = scaleClamped([start_s, end_s], [left, right]);
    let used = beneath.length ? depth + 1 : 1;
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
    let free = left;
    for (const segment of said) {
      if (segment.end_s <= start_s || segment.start_s >= end_s) continue;
      const [from, to] = [Math.max(free, x(segment.start_s)), x(segment.end_s)];
      if (to - from < LEAST_WIDTH) continue;
      const label = to - from < 44 ? '' : ellipsis(sound(segment), to - from - 8, 6.6);
      sounds.push({ segment, x: from, y: y + used * LANE, width: to - from - 1, label });
      free = to;
    }
    const axis = y + used * LANE + (said.length ? SOUND_LANE : 0);
    const ticks = clockTicks(
      start_s,
      Math.min(end_s, length),
      ((right - left) * (Math.min(end_s, length) - start_s)) / span,
    );
    rows.push({
      start_s,
      end_s,
      y,
      axis,
      beneath: y + depth * LANE,
      ticks: ticks.map((tick) => ({ x: x(tick.value), label: tick.label })),
    });
    y = axis + AXIS;
  }
  return { rows, bars, sounds, left, right, height: y };
}
