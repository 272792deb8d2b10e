import { alongPoints, divergenceLane } from './divergence-lane';

const FRAME = { low: 0, high: 100, left: 40, right: 640, top: 20, bottom: 120 };
const ALONG = {
  offsets_s: Array.from({ length: 1001 }, (_, index) => index / 10),
  divergence: Array.from({ length: 1001 }, (_, index) => (index === 333 ? 2 : 30 + Math.sin(index))),
  unrelated: 30,
};

it('dips where the snippet fits, on the time axis of its frame', () => {
  const lane = divergenceLane(alongPoints(ALONG), 30, FRAME);
  expect(lane.dip!.point).toEqual({ lag: 33.3, value: 2 });
  expect(lane.dip!.x).toBeCloseTo(40 + 6 * 33.3, 0);
  expect(lane.dip!.y).toBeGreaterThan(lane.unrelatedY);
  expect(lane.dip!.y).toBeLessThanOrEqual(120);
  expect(lane.at(40 + 6 * 50)!.point.lag).toBe(50);
  expect(lane.path).toContain(`${lane.dip!.x},${lane.dip!.y}`);
});

it('draws the part of its frame alone, and nothing without points', () => {
  expect(divergenceLane(alongPoints(ALONG), 30, { ...FRAME, low: 50 }).dip!.point.lag).toBeGreaterThanOrEqual(50);
  const empty = divergenceLane([], 30, FRAME);
  expect([empty.dip, empty.at(100), empty.path]).toEqual([null, null, '']);
});
