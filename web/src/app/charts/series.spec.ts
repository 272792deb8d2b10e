import { seriesChart } from './series';

it('ends at the right with the newest, and forgets what is too old', () => {
  const moments = [0, 10, 20, 30].map((at) => ({ at, value: at / 10 }));
  const chart = seriesChart(moments, 500, 140, 20);
  expect(chart.last).toEqual({ x: 490, y: 12 });
  expect(chart.path.split('L')).toHaveLength(3);
  expect(chart.path.startsWith(`M${chart.left},`)).toBe(true);
  expect(seriesChart([], 500, 140, 20)).toMatchObject({ path: '', last: null });
});
