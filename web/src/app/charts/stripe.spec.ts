import { levels, pixels, rowMeans } from './stripe';

const STRIPE = { shifts_s: [-0.03, 0, 0.03], hop_s: 0.032, rows: ['01.', '999', '...'] };

it('reads agreement, and where there is none', () => {
  expect(levels(STRIPE)).toEqual([
    [0, 1 / 9, null],
    [1, 1, 1],
    [null, null, null],
  ]);
  expect(rowMeans(STRIPE)).toEqual([1 / 18, 1, null]);
});

it('paints from paper to ink, and leaves clear what was not compared', () => {
  const bytes = pixels(STRIPE, [255, 255, 255], [0, 100, 0]);
  expect(bytes.length).toBe(3 * 3 * 4);
  expect([...bytes.slice(0, 4)]).toEqual([255, 255, 255, 255]);
  expect([...bytes.slice(12, 16)]).toEqual([0, 100, 0, 255]);
  expect([...bytes.slice(24)].every((byte) => byte === 0)).toBe(true);
});
