/** Geometry of divergence along a track: a line whose dip is the place where the snippet fits. */

import { max } from 'd3-array';
import { line } from 'd3-shape';

import { byLag, envelope, type Point } from './agreement';
import { scaleLinear, scaleNice } from './scale';

export interface Along {
  /** Where the snippet would begin in the track, ascending, seconds. */
  readonly offsets_s: readonly number[];
  /** Symmetric KL divergence there, nats. */
  readonly divergence: readonly number[];
  /** Divergence of unrelated sound, or of what else it is measured by, on average. */
  readonly unrelated: number;
}

export interface Frame {
  /** Places at the left and right edge, seconds. */
  readonly low: number;
  readonly high: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface DivergenceLane {
  readonly path: string;
  readonly dip: { readonly x: number; readonly y: number; readonly point: Point } | null;
  readonly unrelatedY: number;
  readonly yTicks: readonly { readonly y: number; readonly label: string }[];
  /** The point nearest to a horizontal pixel. */
  readonly at: (x: number) => { readonly x: number; readonly y: number; readonly point: Point } | null;
}

export function alongPoints(along: Along): Point[] {
  return along.offsets_s.map((lag, index) => ({ lag, value: along.divergence[index]! }));
}

/** The place where the snippet fits best. */
export function dipOf(points: readonly Point[]): Point | null {
  return points.reduce<Point | null>((best, point) => (best && best.value <= point.value ? best : point), null);
}

/** Of points as `alongPoints` gives them; `unrelated` is the divergence of unrelated sound, `marked` what is marked of them. */
export function divergenceLane(all: readonly Point[], unrelated: number, frame: Frame, marked = dipOf): DivergenceLane {
  const { low, high, left, right, top, bottom } = frame;
  const points = all.slice(byLag.left(all, low), byLag.right(all, high));
  const x = scaleLinear([low, high > low ? high : low + 1], [left, right]);
  const most = Math.max(unrelated, max(points, (point) => point.value) ?? 0);
  const y = scaleNice([0, most > 0 ? most : 1], [bottom, top], 3);
  const place = (point: Point) => ({ x: round(x(point.lag)), y: round(y(point.value)), point });
  const dip = marked(points);
  return {
    path:
      line<Point>(
        (point) => round(x(point.lag)),
        (point) => round(y(point.value)),
      )(envelope(points, Math.floor(right - left))) ?? '',
    dip: dip && place(dip),
    unrelatedY: round(y(unrelated)),
    yTicks: y.ticks(3).map((value) => ({ y: round(y(value)), label: String(value) })),
    at: (pixel) => (points.length ? place(points[byLag.center(points, x.invert(pixel))]!) : null),
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
