import { barsChart } from './bars';

const row = (value: number) => ({ name: `row ${value}`, value, text: String(value) });

it('draws lengths in proportion from zero, to both sides', () => {
  const chart = barsChart([row(4), row(-2)], 400);
  const [right, left] = chart.bars;
  expect(right!.x).toBeCloseTo(chart.zero);
  expect(left!.x + left!.width).toBeCloseTo(chart.zero);
  expect(right!.width / left!.width).toBeCloseTo(2);
});

it('leaves room for what is written beside a bar', () => {
  for (const width of [280, 900]) {
    for (const bar of barsChart([row(1), row(-1), row(0.2)], width).bars) {
      expect(bar.textX).toBeLessThanOrEqual(width - 40);
      expect(bar.x).toBeGreaterThanOrEqual(0);
    }
  }
});

it('survives nothing, and only zeros', () => {
  expect(barsChart([], 300).bars).toEqual([]);
  expect(JSON.stringify(barsChart([row(0)], 300))).not.toContain('null');
});
