import { describe, expect, it } from 'vitest';

import type { MapPoint } from '../api/types';
import { around, mapHeight, matching, spotAt, spotBeside, spots } from './map';

function point(track_id: string, x: number, y: number, title = track_id, artist: string | null = null): MapPoint {
  return { track_id, title, artist, x, y, placed: false };
}

describe('map', () => {
  const points = [point('a', 0, 0), point('b', 1, 0), point('c', 0, 0.5), point('d', 1, 0.5)];
  const all = spots(points, 528, 328);

  it('keeps the proportions and stays within the picture', () => {
    expect(all.map(({ x, y }) => [x, y])).toEqual([
      [14, 39],
      [514, 39],
      [14, 289],
      [514, 289],
    ]);
    expect(spots([], 100, 100)).toEqual([]);
    expect(spots([point('one', 0.3, 0.9)], 100, 80)[0]).toMatchObject({ x: 50, y: 40 });
    expect(spots([point('one', 0, 0), point('two', 0, 1)], 100, 128)[1]).toMatchObject({ x: 50, y: 114 });
    expect(mapHeight(2000)).toBe(560);
  });

  it('finds what the pointer and the arrow keys mean', () => {
    expect(spotAt(all, 20, 45)?.point.track_id).toBe('a');
    expect(spotAt(all, 250, 160)).toBeNull();
    expect(spotBeside(all, all[0]!, 1, 0)?.point.track_id).toBe('b');
    expect(spotBeside(all, all[0]!, 0, 1)?.point.track_id).toBe('c');
    expect(spotBeside(all, all[0]!, -1, 0)).toBeNull();
    expect(around(all, all[0]!, 2).map((spot) => spot.point.track_id)).toEqual(['c', 'b']);
  });

  it('searches titles and artists without regard to accents and case', () => {
    const named = [point('a', 0, 0, 'Ödegård', 'Zoë'), point('b', 0, 0, 'Zoo')];
    expect([...matching(named, 'zoe')]).toEqual(['a']);
    expect([...matching(named, 'ode ZOE')]).toEqual(['a']);
    expect(matching(named, ' ').size).toBe(0);
  });
});
