/** Geometry of what changes while one looks: a line over the last minutes. */

import { max } from 'd3-array';
import { line } from 'd3-shape';
import { scaleLinear, scaleNice } from './scale';

export interface Moment {
  /** Seconds since the first one. */
  readonly at: number;
  readonly value: number;
}

export interface SeriesChart {
  readonly path: string;
  readonly last: { readonly x: number; readonly y: number } | null;
  readonly yTicks: readonly { readonly y: number; readonly label: string }[];
  readonly left: number;
  readonly right: number;
  readonly bottom: number;
}

const LEFT = 44;

/** The `span` seconds until the last moment; the newest at the right. */
export function seriesChart(moments: readonly Moment[], width: number, height: number, span: number): SeriesChart {
  const end = moments[moments.length - 1]?.at ?? 0;
  const shown = moments.filter((one) => one.at >= end - span);
  const right = Math.max(LEFT + 40, width - 10);
  const x = scaleLinear([end - span, end], [LEFT, right]);
  const y = scaleNice([0, Math.max(1, max(shown, (one) => one.value) ?? 0)], [height - 24, 12], 3);
  const format = y.tickFormat(3);
  const place = (one: Moment) => ({ x: Math.round(10 * x(one.at)) / 10, y: Math.round(10 * y(one.value)) / 10 });
  const last = shown[shown.length - 1];
  return {
    path:
      line<Moment>(
        (one) => place(one).x,
        (one) => place(one).y,
      )(shown) ?? '',
    last: last ? place(last) : null,
    yTicks: y.ticks(3).map((value) => ({ y: y(value), label: format(value) })),
    left: LEFT,
    right,
    bottom: height - 24,
  };
}
