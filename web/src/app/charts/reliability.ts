/** Geometry of a reliability diagram: how sure answers were against how often they were right. */

import { scaleLinear } from './scale';

export interface ReliabilityBin {
  /** Mean probability stated, 0 to 1. */
  readonly said: number;
  /** Share of right answers, 0 to 1. */
  readonly found: number;
  /** Answers in the bin. */
  readonly queries: number;
}

export interface ReliabilityChart {
  readonly side: number;
  readonly left: number;
  readonly points: readonly {
    readonly bin: ReliabilityBin;
    readonly x: number;
    readonly y: number;
    readonly r: number;
  }[];
  readonly ticks: readonly { readonly at: number; readonly y: number; readonly label: string }[];
  readonly height: number;
}

const LEFT = 44;
const TOP = 10;
const FOOT = 48;
const MAX_SIDE = 400;

export function reliabilityChart(bins: readonly ReliabilityBin[], width: number): ReliabilityChart {
  const side = Math.max(120, Math.min(MAX_SIDE, width - LEFT - 16));
  const x = scaleLinear([0, 1], [LEFT, LEFT + side]);
  const y = scaleLinear([0, 1], [TOP + side, TOP]);
  const most = Math.max(1, ...bins.map((bin) => bin.queries));
  const r = (queries: number) => 3 + 11 * Math.sqrt(queries / most);
  const points = bins.map((bin) => ({ bin, x: x(bin.said), y: y(bin.found), r: r(bin.queries) }));
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((value) => ({ at: x(value), y: y(value), label: `${100 * value}` }));
  return { side, left: LEFT, points, ticks, height: TOP + side + FOOT };
}
