import { reliabilityChart } from './reliability';

it('puts what was as often right as it said on the diagonal, and larger bins larger', () => {
  const chart = reliabilityChart(
    [
      { said: 0, found: 0, queries: 10 },
      { said: 0.5, found: 0.5, queries: 40 },
      { said: 1, found: 1, queries: 90 },
    ],
    600,
  );
  for (const point of chart.points) expect(point.x - chart.left).toBeCloseTo(10 + chart.side - point.y);
  expect(chart.points.map((point) => point.r)).toEqual([...chart.points.map((point) => point.r)].sort((a, b) => a - b));
  expect(chart.points[2]!.r).toBe(14);
  expect(chart.side).toBe(400);
});

it('draws above the diagonal what is right more often than it says', () => {
  const chart = reliabilityChart([{ said: 0.5, found: 0.9, queries: 1 }], 300);
  const level = chart.ticks.find((tick) => tick.label === '50')!;
  expect(chart.points[0]!.y).toBeLessThan(level.y);
  expect(chart.points[0]!.x).toBeCloseTo(level.at);
});
