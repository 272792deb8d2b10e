import { between, coefficients, dot, ellipses, type Mixture, moments, separating, square } from './mixture';

const ROUND: Mixture = { weights: [1], means: [[1, 2, 3]], covariances: [[4, 0, 0, 9, 0, 1]] };

it('projects onto two coefficients', () => {
  const [one] = ellipses(ROUND, coefficients(0, 1, 3));
  expect(one).toMatchObject({ x: 1, y: 2, a: 3, b: 2, weight: 1 });
  expect(Math.abs(one!.angle)).toBeCloseTo(90);
  const [tilted] = ellipses({ weights: [1], means: [[0, 0]], covariances: [[2, 1, 2]] }, coefficients(0, 1, 2));
  expect(tilted!.angle).toBeCloseTo(45);
  expect([tilted!.a ** 2, tilted!.b ** 2].map((value) => Math.round(value))).toEqual([3, 1]);
});

it('has the mean and covariance of the whole', () => {
  const two: Mixture = {
    weights: [0.5, 0.5],
    means: [
      [-1, 0],
      [1, 0],
    ],
    covariances: [
      [1, 0, 1],
      [1, 0, 1],
    ],
  };
  expect(moments(two)).toEqual({
    mean: [0, 0],
    covariance: [
      [2, 0],
      [0, 1],
    ],
  });
});

it('finds the direction that tells two apart, whatever varies most', () => {
  // The third coefficient varies most and tells nothing; the difference lies in the first two.
  const covariance = [1, 0.5, 0, 1, 0, 100];
  const one: Mixture = { weights: [1], means: [[0, 0, 0]], covariances: [covariance] };
  const other: Mixture = { weights: [1], means: [[2, 1, 0]], covariances: [covariance] };
  const [first, second] = separating(one, other);
  // S⁻¹ (m₁ − m₂), by hand: [[1, .5], [.5, 1]]⁻¹ (2, 1) is (2, 0).
  expect(Math.abs(first[0]!)).toBeCloseTo(1);
  expect(dot(first, second)).toBeCloseTo(0);
  expect(Math.abs(second[2]!)).toBeCloseTo(1);
});

it('goes from one mixture to the other', () => {
  const other: Mixture = { weights: [1], means: [[3, 2, 1]], covariances: [[8, 0, 0, 9, 0, 1]] };
  expect(between(ROUND, other, 0)).toEqual(ROUND);
  expect(between(ROUND, other, 1)).toEqual(other);
  expect(between(ROUND, other, 0.5).means).toEqual([[2, 2, 2]]);
  expect(square(between(ROUND, other, 0.5).covariances[0]!, 3)[0]![0]).toBe(6);
});
