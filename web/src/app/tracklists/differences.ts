/** What differs between two tracklists of one recording. */

import type { Segment } from '../api/types';
import { fixed } from '../ui/format';

/** One stretch in the first list, in the second, or in both but not alike. */
export interface Difference {
  readonly kind: 'first' | 'second' | 'other' | 'moved';
  readonly first: Segment | null;
  readonly second: Segment | null;
}

export interface Differences {
  readonly differences: readonly Difference[];
  /** How many stretches are the same in both. */
  readonly alike: number;
}

/** Borders nearer than this are the same, seconds; or than both together do not know. */
const NEAR_S = 1;
/** Of the shorter of two stretches, what must lie in the other for one to stand in the other's place. */
const SHARED = 0.5;

/**
 * Pair what is the same and sounds at the same time, the most time first; of the rest, what stands in the place of what;
 * and list, by time, all but the pairs with the same borders.
 */
export function differencesOf(first: readonly Segment[], second: readonly Segment[]): Differences {
  const same = pairs(first, second, (a, b) => isSame(a, b) && shared(a, b) > 0);
  const rest = (list: readonly Segment[], side: 0 | 1) =>
    list.filter((one) => !same.some((pair) => pair[side] === one));
  const [left, right] = [rest(first, 0), rest(second, 1)];
  const other = pairs(left, right, (a, b) => shared(a, b) >= SHARED * Math.min(length(a), length(b)));
  const moved = same.filter(([a, b]) => moves(a, b).some((move) => move !== 0));
  const found: Difference[] = [
    ...moved.map(([a, b]): Difference => ({ kind: 'moved', first: a, second: b })),
    ...other.map(([a, b]): Difference => ({ kind: 'other', first: a, second: b })),
    ...left
      .filter((one) => !other.some(([a]) => a === one))
      .map((one): Difference => ({ kind: 'first', first: one, second: null })),
    ...right
      .filter((one) => !other.some(([, b]) => b === one))
      .map((one): Difference => ({ kind: 'second', first: null, second: one })),
  ];
  const start = ({ first, second }: Difference) => (first ?? second)!.start_s;
  return { differences: found.sort((a, b) => start(a) - start(b)), alike: same.length - moved.length };
}

/** What differs, in words. */
export function differenceWords({ kind, first, second }: Difference): string {
  if (kind === 'first') return 'Only in A';
  if (kind === 'second') return 'Only in B';
  if (kind === 'other') return 'Another answer';
  const [start, end] = moves(first!, second!);
  const said = [
    start && `begins ${fixed(Math.abs(start), 1)} s ${start > 0 ? 'later' : 'earlier'}`,
    end && `ends ${fixed(Math.abs(end), 1)} s ${end > 0 ? 'later' : 'earlier'}`,
  ];
  return `In B it ${said.filter(Boolean).join(' and ')}`;
}

/** Pairs that are allowed, each segment in one at most, those that share most time first. */
function pairs(
  first: readonly Segment[],
  second: readonly Segment[],
  allowed: (a: Segment, b: Segment) => boolean,
): [Segment, Segment][] {
  const all = first.flatMap((a) => second.filter((b) => allowed(a, b)).map((b): [Segment, Segment] => [a, b]));
  const taken = new Set<Segment>();
  return all
    .sort((one, two) => shared(...two) - shared(...one))
    .filter(([a, b]) => !taken.has(a) && !taken.has(b) && taken.add(a).add(b));
}

/** The same track, or the same kind of what is none; a track of another catalogue is known by its code or its names. */
function isSame(a: Segment, b: Segment): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind !== 'track') return true;
  if (a.track_id && a.track_id === b.track_id) return true;
  if (a.isrc && b.isrc) return a.isrc === b.isrc;
  return names(a) === names(b);
}

function names(segment: Segment): string {
  return [segment.title ?? segment.source, segment.artist].join('\n').toLowerCase();
}

function length(segment: Segment): number {
  return segment.end_s - segment.start_s;
}

/** Seconds that both sound. */
function shared(a: Segment, b: Segment): number {
  return Math.min(a.end_s, b.end_s) - Math.max(a.start_s, b.start_s);
}

/** By how many seconds begin and end come later in `b`; 0 where nobody can tell. */
function moves(a: Segment, b: Segment): [number, number] {
  const move = (by: number, unsure: number) => (Math.abs(by) > Math.max(NEAR_S, unsure) ? by : 0);
  return [
    move(b.start_s - a.start_s, a.start_uncertainty_s + b.start_uncertainty_s),
    move(b.end_s - a.end_s, a.end_uncertainty_s + b.end_uncertainty_s),
  ];
}
