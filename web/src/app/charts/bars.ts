/** Geometry of horizontal bars from zero, to the right and, where values are negative, to the left. */

import { max, min } from 'd3-array';

import { minus } from '../ui/format';
import { ellipsis } from './nearest';
import { scaleLinear } from './scale';

export interface BarRow {
  readonly name: string;
  readonly value: number;
  /** The value as it is written. */
  readonly text: string;
}

export interface BarsChart {
  readonly bars: readonly {
    readonly row: BarRow;
    readonly label: string;
    /** Top of the row: the label's line; the bar lies below it. */
    readonly y: number;
    readonly x: number;
    readonly width: number;
    /** Where the value is written: beside the end of the bar, to its right. */
    readonly textX: number;
  }[];
  readonly ticks: readonly { readonly x: number; readonly label: string }[];
  readonly zero: number;
  readonly plotHeight: number;
  readonly height: number;
}

export const ROW = 42;
const AXIS = 26;
const VALUE_ROOM = 64;

/** Bars in the given order, `width` pixels for the whole drawing. */
export function barsChart(rows: readonly BarRow[], width: number): BarsChart {
  const low = Math.min(0, min(rows, (row) => row.value) ?? 0);
  const high = Math.max(0, max(rows, (row) => row.value) ?? 0);
  const right = Math.max(40, width - VALUE_ROOM);
  const x = scaleLinear([low, high > low ? high : low + 1], [1, right]);
  const zero = x(0);
  const bars = rows.map((row, index) => {
    const end = x(row.value);
    return {
      row,
      label: ellipsis(row.name, width),
      y: index * ROW,
      x: Math.min(zero, end),
      width: Math.max(1, Math.abs(end - zero)),
      textX: Math.max(zero, end) + 8,
    };
  });
  const wanted = Math.max(2, Math.floor(right / 90));
  const format = x.tickFormat(wanted);
  const ticks = x.ticks(wanted).map((value) => ({ x: x(value), label: minus(format(value)) }));
  const plotHeight = rows.length * ROW;
  return { bars, ticks, zero, plotHeight, height: plotHeight + AXIS };
}
