/** Geometry of shares with their intervals: a line for each series under the name of its group, 0 to 100 %. */

import { symbol, symbolCircle, symbolDiamond, symbolSquare, symbolTriangle } from 'd3-shape';

import type { Share } from '../api/types';
import { ellipsis } from './nearest';
import { scaleLinear } from './scale';

export interface ShareGroup {
  readonly name: string;
  /** One for each series; nulls where nothing was asked. */
  readonly shares: readonly Share[];
}

export interface SharesChart {
  readonly groups: readonly {
    readonly label: string;
    readonly y: number;
    readonly points: readonly {
      readonly series: number;
      readonly y: number;
      readonly x: number;
      readonly low: number;
      readonly high: number;
    }[];
  }[];
  readonly ticks: readonly { readonly x: number; readonly label: string }[];
  readonly plotHeight: number;
  readonly height: number;
}

const LABEL = 20;
const LINE = 18;
const GAP = 10;
const AXIS = 26;
const EDGE = 12;

const SHAPES = [symbolCircle, symbolSquare, symbolTriangle, symbolDiamond];
/** Most series that have a mark of their own. */
export const MAX_SERIES = SHAPES.length;
/** Outlines of the marks, around the origin. */
export const MARKS = SHAPES.map((shape) => symbol(shape, 70)() ?? '');

export function sharesChart(groups: readonly ShareGroup[], width: number): SharesChart {
  const x = scaleLinear([0, 1], [EDGE, Math.max(80, width - EDGE)]);
  let y = 0;
  const drawn = groups.map((group) => {
    const top = y;
    const points = group.shares.flatMap((share, series) => {
      if (share.value === null) return [];
      const line = top + LABEL + (series + 0.5) * LINE;
      return [
        { series, y: line, x: x(share.value), low: x(share.low ?? share.value), high: x(share.high ?? share.value) },
      ];
    });
    y = top + LABEL + group.shares.length * LINE + GAP;
    return { label: ellipsis(group.name, width), y: top, points };
  });
  const ticks = x.ticks(width < 420 ? 3 : 5).map((value) => ({ x: x(value), label: `${Math.round(100 * value)}` }));
  return { groups: drawn, ticks, plotHeight: y, height: y + AXIS };
}
