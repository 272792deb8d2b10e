import { BAR, boxes, lanesOf, LANE, rowSpan, segmentAt, SOUND, tracklistChart } from './tracklist';

const parts = (...spans: [number, number][]) => spans.map(([start_s, end_s]) => ({ start_s, end_s }));
const name = () => 'Copper Waltz';

it('draws widths in proportion to time', () => {
  const chart = tracklistChart(parts([0, 60], [60, 180]), 180, 908, name);
  expect(chart.rows).toHaveLength(1);
  expect(chart.bars[0]!.x).toBe(chart.left);
  expect(chart.bars[1]!.width / chart.bars[0]!.width).toBeCloseTo(2);
  expect(chart.bars[1]!.x + chart.bars[1]!.width).toBeCloseTo(chart.right);
});

it('puts what sounds at the same time into lanes, and frees them', () => {
  expect(lanesOf(parts([0, 10], [8, 20], [10, 15], [21, 30]))).toEqual([0, 1, 0, 0]);
  const chart = tracklistChart(parts([0, 100], [90, 200]), 200, 600, name);
  expect(chart.bars[1]!.y - chart.bars[0]!.y).toBe(LANE);
  expect(chart.rows[0]!.axis).toBe(2 * LANE);
});

it('draws a second list beneath the first one, on the same axis', () => {
  const chart = tracklistChart(parts([0, 100], [90, 200]), 200, 600, name, parts([0, 100]));
  const [first, , second] = chart.bars;
  expect([second!.x, second!.width]).toEqual([first!.x, first!.width]);
  expect(second!.y).toBe(2 * LANE);
  expect(chart.rows[0]).toMatchObject({ beneath: 2 * LANE, axis: 3 * LANE });
});

it('breaks long recordings into rows, and a segment with them', () => {
  const twelve = 12 * 3600;
  expect(rowSpan(600, 1000)).toBe(600);
  expect(rowSpan(twelve, 1000)).toBe(3600 * 2);
  for (const width of [288, 1000]) {
    const chart = tracklistChart(parts([0, twelve]), twelve, width, name);
    expect(chart.bars).toHaveLength(chart.rows.length);
    expect(chart.rows.length).toBeLessThanOrEqual(12);
    for (const bar of chart.bars) expect(bar.x + bar.width).toBeLessThanOrEqual(chart.right + 1e-6);
  }
});

it('keeps short segments visible, and labels only where there is room', () => {
  const [long, short] = tracklistChart(parts([3599.9, 3600], [0, 3000]), 3600, 1000, name).bars;
  expect(short!.width).toBe(3);
  expect(short!.label).toBe('');
  expect(long!.label).toBe('Copper Waltz');
});

it('says what the stretches sound like in a lane between bars and axis', () => {
  const said = (segment: { start_s: number }) => (segment.start_s ? 'jazz, slow' : '');
  const chart = tracklistChart(parts([0, 100], [90, 150], [140, 200]), 200, 600, name, [], said);
  const [first, second] = chart.sounds;
  expect(chart.sounds.map((cell) => cell.label)).toEqual(['jazz, slow', 'jazz, slow']);
  expect(first!.x).toBe(chart.bars[1]!.x);
  expect(second!.x).toBeGreaterThan(first!.x + first!.width); // they overlap in sound, but not in the drawing
  expect(second!.x + second!.width).toBeLessThanOrEqual(chart.right);
  expect(first!.y).toBe(2 * LANE);
  expect(chart.rows[0]!.axis).toBeGreaterThan(first!.y + SOUND);
  expect(tracklistChart(parts([0, 100]), 200, 600, name).sounds).toEqual([]);
});

it('survives nothing', () => {
  const chart = tracklistChart([], 0, 300, name);
  expect(chart.bars).toEqual([]);
  expect(JSON.stringify(chart)).not.toContain('null');
});

it('draws many bars as one path, and knows what lies where', () => {
  const said = () => 'jazz';
  const [first, second] = parts([0, 100], [90, 200]);
  const chart = tracklistChart([first!, second!], 200, 600, name, [], said);
  const path = boxes(chart.bars, BAR);
  expect(path.match(/M/g)).toHaveLength(2);
  expect(path).toMatch(new RegExp(`^M${chart.left + 3},0h.*z$`));
  const at = (x: number, y: number) => segmentAt(chart, x, y);
  expect(at(chart.left + 1, 1)).toBe(first);
  expect(at(chart.right - 1, LANE + 1)).toBe(second);
  expect(at(chart.right - 1, 1)).toBeNull();
  expect(at(chart.left + 1, chart.sounds[0]!.y + 1)).toBe(first);
  expect(boxes([], BAR)).toBe('');
});
