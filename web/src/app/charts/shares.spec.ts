import { MARKS, sharesChart } from './shares';

const share = (value: number | null) => ({ value, low: value === null ? null : 0, high: value === null ? null : 1 });

it('places shares between zero and all, each series on a line of its own', () => {
  const chart = sharesChart(
    [
      { name: 'clean', shares: [share(1), share(0.5)] },
      { name: 'bar', shares: [share(0), share(null)] },
    ],
    524,
  );
  const [clean, bar] = chart.groups;
  expect(clean!.points.map((point) => point.x)).toEqual([512, 262]);
  expect(clean!.points[0]).toMatchObject({ low: 12, high: 512 });
  expect(clean!.points[1]!.y - clean!.points[0]!.y).toBe(18);
  expect(bar!.points.map((point) => [point.series, point.x])).toEqual([[0, 12]]);
  expect(bar!.y).toBeGreaterThan(clean!.points[1]!.y);
  expect(chart.ticks.map((tick) => tick.label)).toEqual(['0', '20', '40', '60', '80', '100']);
  expect(chart.height).toBeGreaterThan(bar!.points[0]!.y);
});

it('has a mark for each series', () => {
  expect(new Set(MARKS).size).toBe(MARKS.length);
  expect(MARKS.every((mark) => mark.startsWith('M'))).toBe(true);
});
