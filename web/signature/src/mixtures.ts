import { matrix, row, type Matrix } from './arrays';
import { deltaMfcc } from './features';
import { BACKGROUND, CONFIG } from './parameters';

/** Mean variance of a window's standardised features below which it is silent. */
const SILENT_VARIANCE = 1e-3;
/** Seconds between the starts of windows. */
const STEP_S = 0.5;

/** A Gaussian mixture: the weights, a row of means for each component, and a row of its Cholesky factor. */
export interface Mixture {
  readonly weights: Float64Array;
  readonly means: Matrix;
  /** Lower triangles, row by row. */
  readonly factors: Matrix;
}

/** First frames of the windows of a recording of so many frames; a shorter one is a single window. */
export function windowStarts(frames: number): number[] {
  const length = windowFrames();
  if (frames < length) return frames > 2 * CONFIG.delta_half_length + 1 ? [0] : [];
  const step = (STEP_S * CONFIG.sample_rate) / CONFIG.frame_step;
  const starts: number[] = [];
  for (let index = 0; Math.round(index * step) <= frames - length; index++) starts.push(Math.round(index * step));
  return starts;
}

export function windowFrames(): number {
  return (
    1 + Math.floor((Math.round(CONFIG.window_length * CONFIG.sample_rate) - CONFIG.frame_length) / CONFIG.frame_step)
  );
}

/** One mixture for each window; null for those that are silent. */
export function windowMixtures(mel: Matrix): (Mixture | null)[] {
  const length = Math.min(windowFrames(), mel.rows);
  return windowStarts(mel.rows).map((start) => {
    const x = standardised(mel, start, length);
    return isAudible(x) ? fit(x) : null;
  });
}

function standardised(mel: Matrix, start: number, length: number): Matrix {
  const mean = new Float64Array(mel.columns);
  for (let frame = start; frame < start + length; frame++) {
    row(mel, frame).forEach((value, band) => (mean[band] = mean[band]! + value / length));
  }
  const x = deltaMfcc(mel, start, start + length, CONFIG.delta_half_length, CONFIG.n_mfcc, (_, band) => mean[band]!);
  for (let at = 0; at < x.values.length; at++) x.values[at] = x.values[at]! / BACKGROUND.scale[at % x.columns]!;
  return x;
}

function isAudible(x: Matrix): boolean {
  let total = 0;
  for (let k = 0; k < x.columns; k++) {
    let sum = 0;
    let squares = 0;
    for (let frame = 0; frame < x.rows; frame++) {
      const value = x.values[frame * x.columns + k]!;
      sum += value;
      squares += value * value;
    }
    total += squares / x.rows - (sum / x.rows) ** 2;
  }
  return total / x.columns >= SILENT_VARIANCE;
}

/** One MAP step from the background (Reynolds, Quatieri & Dunn 2000), second moments included. */
function fit(x: Matrix): Mixture {
  const d = x.columns;
  const K = BACKGROUND.weights.length;
  const start = Array.from({ length: K }, (_, k) => gaussian(k));
  const counts = new Float64Array(K);
  const first = matrix(K, d);
  const second = matrix(K, d * d);
  const add = (k: number, weight: number, value: (i: number) => number, product: (i: number, j: number) => number) => {
    counts[k] = counts[k]! + weight;
    const [sums, squares] = [row(first, k), row(second, k)];
    for (let i = 0; i < d; i++) {
      sums[i] = sums[i]! + weight * value(i);
      for (let j = 0; j <= i; j++) squares[i * d + j] = squares[i * d + j]! + weight * product(i, j);
    }
  };
  for (let k = 0; k < K; k++) {
    const mean = BACKGROUND.means.subarray(k * d, (k + 1) * d);
    const covariance = BACKGROUND.covariances.subarray(k * d * d, (k + 1) * d * d);
    const prior = CONFIG.map_relevance * K * BACKGROUND.weights[k]!;
    add(
      k,
      prior,
      (i) => mean[i]!,
      (i, j) => covariance[i * d + j]! + mean[i]! * mean[j]!,
    );
  }
  const scores = new Float64Array(K);
  for (let frame = 0; frame < x.rows; frame++) {
    const value = row(x, frame);
    start.forEach((density, k) => (scores[k] = density(value)));
    const top = Math.max(...scores);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0);
    scores.forEach((score, k) => {
      add(
        k,
        Math.exp(score - top) / total,
        (i) => value[i]!,
        (i, j) => value[i]! * value[j]!,
      );
    });
  }
  return mixtureOf(counts, first, second, d);
}

function mixtureOf(counts: Float64Array, first: Matrix, second: Matrix, d: number): Mixture {
  const K = counts.length;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const means = matrix(K, d);
  const factors = matrix(K, (d * (d + 1)) / 2);
  for (let k = 0; k < K; k++) {
    const mean = row(means, k);
    const covariance = new Float64Array(d * d);
    for (let i = 0; i < d; i++) mean[i] = row(first, k)[i]! / counts[k]!;
    for (let i = 0; i < d; i++) {
      for (let j = 0; j <= i; j++) {
        covariance[i * d + j] =
          row(second, k)[i * d + j]! / counts[k]! - mean[i]! * mean[j]! + (i === j ? CONFIG.covariance_floor : 0);
      }
    }
    row(factors, k).set(cholesky(covariance, d));
  }
  return { weights: counts.map((count) => count / total), means, factors };
}

/** Lower triangle L, row by row, with L Lᵀ the matrix whose lower triangle is given in full rows. */
export function cholesky(a: Float64Array, d: number): Float64Array {
  const factor = new Float64Array((d * (d + 1)) / 2);
  const at = (i: number, j: number) => (i * (i + 1)) / 2 + j;
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = a[i * d + j]!;
      for (let k = 0; k < j; k++) rest -= factor[at(i, k)]! * factor[at(j, k)]!;
      factor[at(i, j)] = i === j ? Math.sqrt(rest) : rest / factor[at(j, j)]!;
    }
  }
  return factor;
}

/** Log of weight times density of a component of the background. */
function gaussian(k: number): (x: Float64Array) => number {
  const d = BACKGROUND.scale.length;
  const mean = BACKGROUND.means.subarray(k * d, (k + 1) * d);
  const factor = cholesky(Float64Array.from(BACKGROUND.covariances.subarray(k * d * d, (k + 1) * d * d)), d);
  const at = (i: number, j: number) => (i * (i + 1)) / 2 + j;
  let constant = Math.log(BACKGROUND.weights[k]!) - 0.5 * d * Math.log(2 * Math.PI);
  for (let i = 0; i < d; i++) constant -= Math.log(factor[at(i, i)]!);
  const solved = new Float64Array(d);
  return (x) => {
    let squares = 0;
    for (let i = 0; i < d; i++) {
      let rest = x[i]! - mean[i]!;
      for (let j = 0; j < i; j++) rest -= factor[at(i, j)]! * solved[j]!;
      solved[i] = rest / factor[at(i, i)]!;
      squares += solved[i]! ** 2;
    }
    return constant - 0.5 * squares;
  };
}
