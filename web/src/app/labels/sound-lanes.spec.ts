import type { SoundTag, SoundTags } from '../api/types';
import { alongOf, laneTags, soundLanes } from './sound-lanes';

const tag = (name: string, probability: number, lift: number): SoundTag => ({
  tag: name,
  group: 'style',
  probability,
  lift,
});
const arousal = (percentile: number) => ({ score: 0, percentile, experimental: true as const });
const answer: SoundTags = {
  task: 'tags',
  duration_s: 20,
  patches: 6,
  tags: [tag('jazz', 0.4, 3), tag('metal', 0.01, 9), tag('folk', 0.2, 5)],
  arousal: arousal(50),
  remarks: [],
  series: [
    { start_s: 0, end_s: 10, tags: [tag('jazz', 0.1, 1), tag('folk', 0.7, 8)], arousal: arousal(0) },
    { start_s: 10, end_s: 20, tags: [tag('jazz', 0.7, 5), tag('folk', 0, 0)], arousal: arousal(100) },
  ],
};

it('draws the tags that tell most, and none that is hardly there', () => {
  expect(laneTags(answer)).toEqual(['folk', 'jazz']);
  expect(alongOf(answer, ['jazz'])).toEqual([[0.1, 0.7]]);
});

it('covers the whole time, and shades by probability', () => {
  const lanes = soundLanes(answer, 600, false);
  const [folk, jazz] = lanes.rows;
  expect(folk!.cells[0]!.x).toBe(lanes.left);
  expect(folk!.cells[1]!.x + folk!.cells[1]!.width).toBeCloseTo(lanes.right);
  expect(folk!.cells.map((cell) => cell.step)).toEqual([7, 1]);
  expect(jazz!.cells.map((cell) => cell.step)).toEqual([2, 7]);
  expect(jazz!.y).toBeGreaterThan(folk!.y);
});

it('rises where it gets livelier, and leaves room for a picture only where there is one', () => {
  const ys = [...soundLanes(answer, 600, false).lively.matchAll(/,([\d.]+)/g)].map((found) => Number(found[1]));
  expect(ys[0]).toBeGreaterThan(ys[ys.length - 1]!);
  expect(soundLanes(answer, 600, true).height).toBe(soundLanes(answer, 600, false).height + 128);
});
