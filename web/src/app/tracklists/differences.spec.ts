import type { Segment } from '../api/types';
import { segment } from '../testing';
import { differencesOf, differenceWords } from './differences';

const track = (title: string, start_s: number, end_s: number, values: Partial<Segment> = {}): Segment =>
  segment({ id: `${title}-${start_s}`, track_id: title, title, start_s, end_s, ...values });
const words = (first: Segment[], second: Segment[]) => differencesOf(first, second).differences.map(differenceWords);

it('finds nothing between a list and itself', () => {
  const list = [track('a', 0, 60), track('b', 60, 90), segment({ kind: 'silence', start_s: 90, end_s: 99 })];
  expect(differencesOf(list, list)).toEqual({ differences: [], alike: 3 });
  expect(differencesOf([], [])).toEqual({ differences: [], alike: 0 });
});

it('says what only one of them has, by time', () => {
  expect(words([track('b', 60, 90)], [track('a', 0, 50)])).toEqual(['Only in B', 'Only in A']);
});

it('says where the other names another track, or none', () => {
  const unknown = segment({ id: 'u', kind: 'unknown', track_id: null, title: null, start_s: 2, end_s: 58 });
  for (const second of [track('b', 1, 61), unknown])
    expect(words([track('a', 0, 60)], [second])).toEqual(['Another answer']);
  // Half of the shorter is the least: what touches only is two differences.
  expect(words([track('a', 0, 60)], [track('b', 55, 120)])).toEqual(['Only in A', 'Only in B']);
});

it('says by how much borders moved, unless neither list knows them so well', () => {
  expect(words([track('a', 0, 60)], [track('a', 3.24, 58)])).toEqual([
    'In B it begins 3.2 s later and ends 2.0 s earlier',
  ]);
  expect(words([track('a', 0, 60)], [track('a', 0.9, 60.9)])).toEqual([]);
  const vague = { start_uncertainty_s: 2 };
  expect(words([track('a', 0, 60, vague)], [track('a', 3.5, 60, vague)])).toEqual([]);
});

it('knows a track of another catalogue by its code, else by its names', () => {
  const mine = { track_id: 'x1', isrc: 'NLA000000001' };
  expect(words([track('a', 0, 60, mine)], [track('A (remaster)', 0, 60, { ...mine, track_id: 'y1' })])).toEqual([]);
  expect(words([track('a', 0, 60, { track_id: 'x1' })], [track('A', 0, 60, { track_id: 'y1' })])).toEqual([]);
  expect(words([track('a', 0, 60, mine)], [track('a', 0, 60, { track_id: 'y1', isrc: 'NLA000000002' })])).toEqual([
    'Another answer',
  ]);
});

it('pairs a track that is played twice with the nearest of the other list', () => {
  const first = [track('a', 0, 60), track('a', 100, 160)];
  expect(words(first, [track('a', 100, 160)])).toEqual(['Only in A']);
  expect(differencesOf(first, [track('a', 0, 60), track('a', 100, 160)]).alike).toBe(2);
});
