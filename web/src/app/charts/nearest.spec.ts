import { ellipsis, nearestChart } from './nearest';

const items = [
  { track_id: 'b', title: 'Second', artist: null, divergence: 20 },
  { track_id: 'a', title: 'First', artist: 'Someone', divergence: 5 },
];

it('draws bars from zero in proportion, least divergence first', () => {
  const chart = nearestChart(items, 400);
  expect(chart.bars.map((bar) => bar.item.track_id)).toEqual(['a', 'b']);
  expect(chart.bars[1]!.width / chart.bars[0]!.width).toBeCloseTo(4);
  expect(chart.bars.map((bar) => bar.label)).toEqual(['First · Someone', 'Second']);
  expect(chart.ticks[0]).toEqual({ x: 0, label: '0' });
});

it('puts the file before a name that several share', () => {
  const copies = ['b.flac', 'a.mp3'].map((source, index) => ({
    ...items[1]!,
    track_id: source,
    source,
    divergence: index,
  }));
  const labels = nearestChart([...copies, items[0]!], 400).bars.map((bar) => bar.label);
  expect(labels).toEqual(['b.flac · First · Someone', 'a.mp3 · First · Someone', 'Second']);
});

it('leaves room for the values after the bars', () => {
  for (const width of [280, 1000]) {
    expect(Math.max(...nearestChart(items, width).bars.map((bar) => bar.width))).toBeLessThanOrEqual(width - 50);
  }
});

it('survives nothing, equal tracks and zero divergence', () => {
  expect(nearestChart([], 400).bars).toEqual([]);
  const zero = nearestChart([{ track_id: 'a', title: 'Same', divergence: 0 }], 400);
  expect(zero.bars[0]!.width).toBeGreaterThan(0);
  expect(JSON.stringify(zero)).not.toContain('NaN');
});

it('cuts long labels to the width', () => {
  expect(ellipsis('short', 300)).toBe('short');
  const cut = ellipsis('x'.repeat(200), 300);
  expect(cut.length).toBeLessThan(45);
  expect(cut.endsWith('…')).toBe(true);
});
