/** Geometry of the chart of nearest tracks: horizontal bars, symmetric KL divergence in nats. */

import { max } from 'd3-array';

import { nameKey, sharedNames } from '../capture/verdict';
import { isolated } from '../ui/format';
import { scaleLinear } from './scale';

export interface NearItem {
  readonly track_id: string;
  readonly title: string;
  readonly artist?: string | null;
  /** Name of the file: what tells copies of one name apart. */
  readonly source?: string;
  readonly divergence: number;
}

export interface NearBar<T extends NearItem> {
  readonly item: T;
  /** Top of the row: the label's line; the bar lies below it. */
  readonly y: number;
  readonly barY: number;
  readonly width: number;
  readonly label: string;
}

export interface NearestChart<T extends NearItem> {
  readonly bars: NearBar<T>[];
  readonly ticks: { readonly x: number; readonly label: string }[];
  readonly plotHeight: number;
  readonly height: number;
}

export const ROW = 46;
export const BAR = 14;
const LABEL = 20;
const AXIS = 42;
const VALUE_ROOM = 52;

/** Title and artist in one line. */
export function trackName(item: { readonly title: string; readonly artist?: string | null }): string {
  return item.artist ? `${isolated(item.title)} · ${isolated(item.artist)}` : item.title;
}

/** Cut to what fits `width` pixels at about `advance` pixels a character; whole text in the table twin. */
export function ellipsis(text: string, width: number, advance = 7.2): string {
  const room = Math.max(4, Math.floor(width / advance));
  return text.length <= room ? text : text.slice(0, room - 1).trimEnd() + '…';
}

/**
 * Bars from zero, least divergence first, `width` pixels for the whole drawing. The value is written after
 * the bar's end, so the scale leaves room for it.
 */
export function nearestChart<T extends NearItem>(items: readonly T[], width: number): NearestChart<T> {
  const sorted = [...items].sort((a, b) => a.divergence - b.divergence);
  const top = max(sorted, (item) => item.divergence) ?? 0;
  const plot = Math.max(40, width - VALUE_ROOM);
  const scale = scaleLinear([0, top > 0 ? top : 1], [0, plot]);
  const shared = sharedNames(sorted);
  const bars = sorted.map((item, row) => ({
    item,
    y: row * ROW,
    barY: row * ROW + LABEL,
    width: Math.max(1, scale(Math.max(0, item.divergence))),
    label: ellipsis(shared.has(nameKey(item)) ? `${item.source ?? ''} · ${trackName(item)}` : trackName(item), width),
  }));
  const format = scale.tickFormat(Math.max(2, Math.floor(plot / 90)));
  const ticks = scale
    .ticks(Math.max(2, Math.floor(plot / 90)))
    .map((value) => ({ x: scale(value), label: format(value) }));
  const plotHeight = sorted.length * ROW;
  return { bars, ticks, plotHeight, height: plotHeight + AXIS };
}
