/** Geometry of a track's length with the stretch that was heard. */

import { clock } from '../ui/format';
import { scaleClamped } from './scale';

const STEPS = [0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

/** Round places of the clock from `low` to `high` seconds, at least about 64 pixels apart. */
export function clockTicks(
  low: number,
  high: number,
  pixels: number,
): { readonly value: number; readonly label: string }[] {
  const span = high - low;
  if (!(span > 0) || !(pixels > 0)) return [{ value: low, label: clock(low) }];
  const wanted = (span * 64) / pixels;
  const step = STEPS.find((candidate) => candidate >= wanted) ?? Math.ceil(wanted / 3600) * 3600;
  const ticks = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + 1e-9; index++) {
    ticks.push({ value: index * step, label: clock(index * step, step < 1 ? 1 : 0) });
  }
  return ticks;
}

export interface Heard {
  readonly offset_s?: number | null;
  readonly query_start_s?: number | null;
  readonly query_end_s?: number | null;
  readonly speed?: number | null;
}

/** Track time of the stretch that matched: `offset + speed * snippet`. Null without an offset. */
export function stretch(match: Heard, snippet_s: number): readonly [number, number] | null {
  if (match.offset_s === null || match.offset_s === undefined) return null;
  const speed = match.speed ?? 1;
  const start = match.offset_s + speed * (match.query_start_s ?? 0);
  const end = match.offset_s + speed * (match.query_end_s ?? snippet_s);
  return [start, Math.max(start, end)];
}

export interface Timeline {
  readonly left: number;
  readonly right: number;
  readonly heard: { readonly x: number; readonly width: number } | null;
  /** Text anchor and place of the heard stretch's label, kept inside the drawing. */
  readonly label: { readonly x: number; readonly anchor: 'start' | 'middle' | 'end' } | null;
  readonly others: { readonly x: number; readonly offset_s: number }[];
  readonly ticks: { readonly x: number; readonly label: string }[];
}

const PAD = 6;
const LEAST_WIDTH = 5;

/** A stretch outside the track (the snippet began before it) is cut at the track's ends, never lost. */
export function timeline(
  duration_s: number,
  heard: readonly [number, number] | null,
  others: readonly number[],
  width: number,
): Timeline {
  const left = PAD;
  const right = Math.max(left + 40, width - PAD);
  const x = scaleClamped([0, duration_s > 0 ? duration_s : 1], [left, right]);
  let bar: { x: number; width: number } | null = null;
  let label: Timeline['label'] = null;
  if (heard) {
    const span = Math.max(LEAST_WIDTH, x(heard[1]) - x(heard[0]));
    bar = { x: Math.min(x(heard[0]), right - span), width: span };
    const middle = bar.x + span / 2;
    label =
      middle < left + 60
        ? { x: left, anchor: 'start' }
        : middle > right - 60
          ? { x: right, anchor: 'end' }
          : { x: middle, anchor: 'middle' };
  }
  return {
    left,
    right,
    heard: bar,
    label,
    others: others.map((offset_s) => ({ x: x(offset_s), offset_s })),
    ticks: clockTicks(0, duration_s, right - left).map((tick) => ({ x: x(tick.value), label: tick.label })),
  };
}
