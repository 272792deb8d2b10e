/**
 * Gaussian mixtures in a plane. A plane is two directions in the space of coefficients; projecting a Gaussian onto it gives
 * a Gaussian with mean `P m` and covariance `P C Pᵀ`, whose contour at one standard deviation is an ellipse.
 */

export interface Mixture {
  readonly weights: readonly number[];
  readonly means: readonly (readonly number[])[];
  /** Upper triangles, row by row. */
  readonly covariances: readonly (readonly number[])[];
}

/** Two directions. */
export type Plane = readonly [readonly number[], readonly number[]];

export interface Ellipse {
  readonly x: number;
  readonly y: number;
  /** Half-axes, the longer first. */
  readonly a: number;
  readonly b: number;
  /** Of the longer one from the horizontal, upwards, degrees. */
  readonly angle: number;
  readonly weight: number;
}

type Matrix = readonly (readonly number[])[];

/** The whole symmetric matrix of an upper triangle. */
export function square(upper: readonly number[], d: number): number[][] {
  const whole = Array.from({ length: d }, () => new Array<number>(d).fill(0));
  let at = 0;
  for (let i = 0; i < d; i++) for (let j = i; j < d; j++) whole[i]![j] = whole[j]![i] = upper[at++] ?? 0;
  return whole;
}

export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0);
}

function times(matrix: Matrix, vector: readonly number[]): number[] {
  return matrix.map((row) => dot(row, vector));
}

/** The plane of two coefficients, numbered from 0. */
export function coefficients(i: number, j: number, d: number): Plane {
  const unit = (index: number) => Array.from({ length: d }, (_, at) => (at === index ? 1 : 0));
  return [unit(i), unit(j)];
}

/** One standard deviation of each component, by the eigenvalues of the projected 2 × 2 covariance in closed form. */
export function ellipses(mixture: Mixture, [u, v]: Plane): Ellipse[] {
  const d = u.length;
  return mixture.means.map((mean, index) => {
    const covariance = square(mixture.covariances[index]!, d);
    const [cu, cv] = [times(covariance, u), times(covariance, v)];
    const [p, q, r] = [dot(u, cu), dot(v, cv), dot(u, cv)];
    const half = (p + q) / 2;
    const spread = Math.hypot((p - q) / 2, r);
    return {
      x: dot(u, mean),
      y: dot(v, mean),
      a: Math.sqrt(Math.max(0, half + spread)),
      b: Math.sqrt(Math.max(0, half - spread)),
      angle: (Math.atan2(2 * r, p - q) / 2) * (180 / Math.PI),
      weight: mixture.weights[index]!,
    };
  });
}

/** Mean and covariance of a whole mixture. */
export function moments(mixture: Mixture): { readonly mean: number[]; readonly covariance: number[][] } {
  const d = mixture.means[0]!.length;
  const mean = new Array<number>(d).fill(0);
  mixture.means.forEach((row, k) => row.forEach((value, i) => (mean[i]! += mixture.weights[k]! * value)));
  const covariance = square([], d);
  mixture.means.forEach((row, k) => {
    const inner = square(mixture.covariances[k]!, d);
    for (let i = 0; i < d; i++)
      for (let j = 0; j < d; j++)
        covariance[i]![j]! += mixture.weights[k]! * (inner[i]![j]! + (row[i]! - mean[i]!) * (row[j]! - mean[j]!));
  });
  return { mean, covariance };
}

/**
 * The plane that tells two mixtures apart best: Fisher's direction `S⁻¹ (m₁ − m₂)` of their pooled covariance, and, at a
 * right angle to it, the direction in which both spread most.
 */
export function separating(one: Mixture, other: Mixture): Plane {
  const [a, b] = [moments(one), moments(other)];
  const pooled = a.covariance.map((row, i) => row.map((value, j) => (value + b.covariance[i]![j]!) / 2));
  const between = a.mean.map((value, i) => value - b.mean[i]!);
  const first = unit(solve(pooled, between));
  let second = unit(first.map((value, i) => (i === smallest(first) ? 1 : 0) - value * first[smallest(first)]!));
  for (let round = 0; round < 60; round++) {
    const next = times(pooled, second);
    const along = dot(next, first);
    second = unit(next.map((value, i) => value - along * first[i]!));
  }
  return [first, second];
}

/** Between two mixtures of as many components, each of the one on its way to one of the other: 0 the first, 1 the second. */
export function between(one: Mixture, other: Mixture, share: number): Mixture {
  const mix = (a: number, b: number) => (1 - share) * a + share * b;
  const rank = (mixture: Mixture) =>
    mixture.weights.map((_, i) => i).sort((i, j) => mixture.weights[j]! - mixture.weights[i]!);
  const [mine, theirs] = [rank(one), rank(other)];
  const pairs = mine.slice(0, Math.min(mine.length, theirs.length)).map((i, place) => [i, theirs[place]!] as const);
  const rows = (name: 'means' | 'covariances') =>
    pairs.map(([i, j]) => one[name][i]!.map((value, at) => mix(value, other[name][j]![at]!)));
  return {
    weights: pairs.map(([i, j]) => mix(one.weights[i]!, other.weights[j]!)),
    means: rows('means'),
    covariances: rows('covariances'),
  };
}

function unit(vector: readonly number[]): number[] {
  const length = Math.sqrt(dot(vector, vector));
  return length > 0 ? vector.map((value) => value / length) : vector.map((_, i) => (i === 0 ? 1 : 0));
}

function smallest(vector: readonly number[]): number {
  return vector.reduce((best, value, i) => (Math.abs(value) < Math.abs(vector[best]!) ? i : best), 0);
}

/** Solve a symmetric positive definite system by elimination; a little is added to the diagonal, so that it has a solution. */
function solve(matrix: Matrix, right: readonly number[]): number[] {
  const n = right.length;
  const ridge = 1e-9 * Math.max(...matrix.map((row, i) => row[i]!), 1e-9);
  const rows = matrix.map((row, i) => [...row.map((value, j) => value + (i === j ? ridge : 0)), right[i]!]);
  for (let i = 0; i < n; i++)
    for (let k = i + 1; k < n; k++) {
      const factor = rows[k]![i]! / rows[i]![i]!;
      for (let j = i; j <= n; j++) rows[k]![j]! -= factor * rows[i]![j]!;
    }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let rest = rows[i]![n]!;
    for (let j = i + 1; j < n; j++) rest -= rows[i]![j]! * x[j]!;
    x[i] = rest / rows[i]![i]!;
  }
  return x;
}
