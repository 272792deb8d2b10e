import { clockTicks, stretch, timeline } from './timeline';

describe('clockTicks', () => {
  it('are round places of the clock, not crowded', () => {
    for (const [low, high, pixels] of [
      [0, 245, 320],
      [-5, 3600, 1000],
      [117, 123, 640],
      [0, 7200, 300],
    ] as const) {
      const ticks = clockTicks(low, high, pixels);
      expect(ticks.length).toBeGreaterThan(1);
      expect(ticks.length).toBeLessThanOrEqual(pixels / 64 + 1);
      expect(ticks.every((tick) => tick.value >= low - 1e-6 && tick.value <= high + 1e-6)).toBe(true);
      expect(new Set(ticks.map((tick) => tick.label)).size).toBe(ticks.length);
    }
  });

  it('survive an empty range', () => {
    expect(clockTicks(3, 3, 100)).toEqual([{ value: 3, label: '0:03' }]);
  });
});

describe('stretch', () => {
  it('is offset plus speed times snippet', () => {
    expect(stretch({ offset_s: 100, query_start_s: 1, query_end_s: 5, speed: 1.02 }, 6)).toEqual([101.02, 105.1]);
  });

  it('takes the whole snippet where the matched part is not known', () => {
    expect(stretch({ offset_s: 10, query_start_s: null, query_end_s: null, speed: null }, 5)).toEqual([10, 15]);
    expect(stretch({ offset_s: null }, 5)).toBeNull();
  });
});

describe('timeline', () => {
  it('places the stretch in proportion', () => {
    const line = timeline(200, [100, 105], [20], 412);
    expect(line.heard!.x).toBeCloseTo(206);
    expect(line.heard!.width).toBeCloseTo(10);
    expect(line.others[0]!.x).toBeCloseTo(46);
    expect(line.label!.anchor).toBe('middle');
  });

  it('never loses a stretch that begins before the track or ends after it', () => {
    for (const heard of [
      [-4, 1],
      [-20, -15],
      [199, 204],
      [400, 405],
    ] as const) {
      const line = timeline(200, heard, [], 300);
      expect(line.heard!.width).toBeGreaterThanOrEqual(5);
      expect(line.heard!.x).toBeGreaterThanOrEqual(line.left);
      expect(line.heard!.x + line.heard!.width).toBeLessThanOrEqual(line.right + 1e-9);
    }
  });

  it('keeps the label inside the drawing', () => {
    expect(timeline(200, [0, 5], [], 300).label!.anchor).toBe('start');
    expect(timeline(200, [195, 200], [], 300).label!.anchor).toBe('end');
    expect(timeline(200, null, [], 300).label).toBeNull();
  });
});
