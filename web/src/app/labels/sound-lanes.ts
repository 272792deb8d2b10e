/** Geometry of labels over time: a lane for each tag, shaded by its probability, and one for how lively it is. */

import { line } from 'd3-shape';

import type { SoundTags } from '../api/types';
import { STEPS } from '../charts/matrix';
import { clockTicks } from '../charts/timeline';
import { heardTags } from './words';
import { scaleClamped, scaleLinear, scaleQuantize } from '../charts/scale';

/** Pixels. */
export const LANE = 22;
export const LIVELY = 48;
export const PICTURE = 120;
const GUTTER = 108;
const GAP = 8;
const AXIS = 24;
const EDGE = 12;
/** Lanes that one can still tell apart. */
const MOST = 6;

export interface SoundLanes {
  readonly left: number;
  readonly right: number;
  readonly height: number;
  /** Where the picture, the lane of liveliness and the tags begin. */
  readonly y: { readonly picture: number; readonly lively: number; readonly tags: number; readonly axis: number };
  readonly lively: string;
  readonly rows: readonly {
    readonly tag: string;
    readonly y: number;
    readonly cells: readonly { readonly x: number; readonly width: number; readonly step: number }[];
  }[];
  readonly ticks: readonly { readonly x: number; readonly label: string }[];
}

/** The tags that lanes are drawn of: the most telling of the whole recording. */
export function laneTags(answer: SoundTags): string[] {
  const heard = heardTags(answer.tags).flatMap(({ tags }) => tags);
  return heard
    .sort((a, b) => b.lift - a.lift)
    .slice(0, MOST)
    .map(({ tag }) => tag);
}

/** Probabilities of these tags in each stretch, 0 to 1. */
export function alongOf(answer: SoundTags, tags: readonly string[]): number[][] {
  return tags.map((tag) => answer.series.map((part) => part.tags.find((other) => other.tag === tag)?.probability ?? 0));
}

export function soundLanes(answer: SoundTags, width: number, pictured: boolean): SoundLanes {
  const left = GUTTER;
  const right = Math.max(left + 80, width - EDGE);
  const x = scaleClamped([0, Math.max(answer.duration_s, 1e-3)], [left, right]);
  const picture = 4;
  const lively = picture + (pictured ? PICTURE + GAP : 0);
  const tags = lively + LIVELY + GAP;
  const names = laneTags(answer);
  const along = alongOf(answer, names);
  const shade = scaleQuantize(
    [0, Math.max(0.1, ...along.flat())],
    Array.from({ length: STEPS }, (_, index) => index + 1),
  );
  const rise = scaleLinear([0, 100], [lively + LIVELY - 3, lively + 3]);
  // Each stretch is one level: what is between two of them was not measured.
  const steps = answer.series.flatMap((part): [number, number][] => {
    const y = rise(part.arousal.percentile);
    return [
      [x(part.start_s), y],
      [x(part.end_s), y],
    ];
  });
  const axis = tags + names.length * LANE;
  return {
    left,
    right,
    height: axis + AXIS,
    y: { picture, lively, tags, axis },
    lively: line()(steps) ?? '',
    rows: names.map((tag, row) => ({
      tag,
      y: tags + row * LANE,
      cells: answer.series.map((part, index) => ({
        x: x(part.start_s),
        width: Math.max(1, x(part.end_s) - x(part.start_s)),
        step: shade(along[row]![index]!),
      })),
    })),
    ticks: clockTicks(0, answer.duration_s, right - left).map((tick) => ({ x: x(tick.value), label: tick.label })),
  };
}
