import { agreementChart, type Alignment, envelope, peaks, pointsOf } from './agreement';

/** Silence with one peak, one lag wide: 4 minutes every 32 ms. */
function needle(at: number, value = 0.5): Alignment {
  const lags_s = Array.from({ length: 7500 }, (_, index) => index * 0.032);
  return {
    lags_s,
    agreement: lags_s.map((_, index) => (index === at ? value : 0.01 * Math.sin(index))),
    threshold: 0.15,
  };
}

describe('envelope', () => {
  it('keeps extremes whatever the width, in order of lag', () => {
    const points = pointsOf(needle(4321));
    for (const columns of [1, 7, 100, 600]) {
      const kept = envelope(points, columns);
      expect(kept.length).toBeLessThanOrEqual(columns * 4);
      expect(Math.max(...kept.map((point) => point.value))).toBe(0.5);
      expect(kept.every((point, index) => index === 0 || point.lag > kept[index - 1]!.lag)).toBe(true);
      expect(kept[0]).toEqual(points[0]);
      expect(kept[kept.length - 1]).toEqual(points[points.length - 1]);
    }
  });

  it('leaves few points alone', () => {
    const points = pointsOf(needle(3)).slice(0, 40);
    expect(envelope(points, 10)).toEqual(points);
  });
});

describe('peaks', () => {
  it('are the highest places, apart from each other', () => {
    const points = [
      { lag: 0, value: 0.1 },
      { lag: 0.5, value: 0.9 },
      { lag: 0.6, value: 0.8 },
      { lag: 3, value: 0.5 },
    ];
    expect(peaks(points, 2, 1)).toEqual([points[1], points[3]]);
    expect(peaks([], 3, 1)).toEqual([]);
  });
});

describe('agreementChart', () => {
  it('places the peak where the needle is, above the threshold', () => {
    const chart = agreementChart(pointsOf(needle(3750)), 0.15, 700, 280);
    expect(chart.peak!.point.lag).toBeCloseTo(120);
    expect(chart.peak!.x).toBeCloseTo((chart.left + chart.right) / 2, -1);
    expect(chart.peak!.y).toBeLessThan(chart.thresholdY!);
    expect(chart.peak!.passes).toBe(true);
    expect(chart.thresholdY!).toBeLessThan(chart.zeroY);
  });

  it('shows a threshold that nothing reaches', () => {
    const chart = agreementChart(pointsOf(needle(3750, 0.05)), 0.15, 700, 280);
    expect(chart.peak!.passes).toBe(false);
    expect(chart.thresholdY!).toBeGreaterThanOrEqual(chart.top);
    expect(chart.peak!.y).toBeGreaterThan(chart.thresholdY!);
  });

  it('keeps tick labels distinct on narrow scales', () => {
    const labels = agreementChart(pointsOf(needle(3750, 0.05)), 0.15, 700, 280).yTicks.map((tick) => tick.label);
    expect(new Set(labels).size).toBe(labels.length);
  });

  it('reads the nearest measurement under the pointer', () => {
    const chart = agreementChart(pointsOf(needle(3750)), 0.15, 700, 280);
    expect(chart.at(chart.peak!.x)!.point.lag).toBeCloseTo(120, 0);
    expect(chart.at(-50)!.point.lag).toBe(0);
  });

  it('draws only the range asked for', () => {
    const chart = agreementChart(pointsOf(needle(3750)), 0.15, 700, 280, [117, 123]);
    expect(chart.at(-50)!.point.lag).toBeGreaterThanOrEqual(117);
    expect(chart.xTicks.map((tick) => tick.label)).toContain('2:00');
  });

  it('survives an empty alignment, a single lag, and no threshold', () => {
    const empty = agreementChart([], 0.1, 300, 240);
    expect(empty.path).toBe('');
    expect(empty.peak).toBeNull();
    expect(empty.at(100)).toBeNull();
    const single = agreementChart([{ lag: 4, value: 0.3 }], null, 300, 240);
    expect(single.thresholdY).toBeNull();
    expect(single.peak!.passes).toBe(false);
    expect(JSON.stringify([empty, single])).not.toContain('NaN');
  });
});
