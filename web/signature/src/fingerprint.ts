import { matrix, quantile, rint, row, type Matrix } from './arrays';
import { BANDS, bitTop_hz, energies, F_LOW, FINE, LAG, N_BANDS, N_BITS } from './bands';
import { judge } from './reliability';

/** Mean size of a frame's differences, nats, below which it is too steady to describe. */
const STEADY = 0.08;
/** A frame with fewer of the finest bands than this within so many nats of its loudest is a lone tone. */
const FULL_BANDS = 12;
const FULL_RANGE = 4 * Math.log(10);
const LEVELS = 3;
const TOP_QUANTILE = 0.95;

/** Bits of frames in order of time, an even number of them, with a weight from 0 to 3 for each bit. */
export interface Fingerprint {
  readonly frames: number;
  /** 1 where a difference is positive. */
  readonly signs: Uint8Array;
  readonly weights: Uint8Array;
  /** Agreement that a true place would show, 0 to 1. */
  readonly expected: number;
}

/** Fingerprint of samples at 16 kHz; bits of bands above `bandwidth_hz` are left out. */
export function fingerprint(samples: Float32Array, bandwidth_hz: number): Fingerprint {
  const seen = energies(samples);
  const d = differences(seen.energy);
  const counts = counted(seen.energy, seen.loud, d, bandwidth_hz);
  const frames = 2 * Math.floor(d.rows / 2);
  const length = frames * N_BITS;
  const signs = Uint8Array.from(d.values.subarray(0, length), (value) => (value > 0 ? 1 : 0));
  if (!counts.includes(1)) return { frames, signs, weights: new Uint8Array(length), expected: 0 };
  const judged = judge(seen, d);
  const expected = judged.odds.map((odds) => Math.tanh(Math.max(odds, 0) / 2));
  const weights = levels(judged.weights, counts);
  let weighted = 0;
  let total = 0;
  weights.forEach((weight, at) => {
    weighted += weight * expected[at]!;
    total += weight;
  });
  return { frames, signs, weights: weights.subarray(0, length), expected: weighted / Math.max(total, 1) };
}

/** Differences of neighbouring bands, and of these over 256 ms: their signs are the bits. */
function differences(energy: Matrix): Matrix {
  const d = matrix(Math.max(0, energy.rows - LAG), N_BITS);
  for (let frame = 0; frame < d.rows; frame++) {
    const [before, after, out] = [row(energy, frame), row(energy, frame + LAG), row(d, frame)];
    let bit = 0;
    let band = 0;
    for (const count of BANDS) {
      for (let index = band; index < band + count - 1; index++, bit++) {
        out[bit] = after[index + 1]! - after[index]! - (before[index + 1]! - before[index]!);
      }
      band += count;
    }
  }
  return d;
}

/** 1 for bits that may have a weight: of frames neither quiet nor steady nor lone tones, within the bandwidth. */
function counted(energy: Matrix, loud: Uint8Array, d: Matrix, bandwidth_hz: number): Uint8Array {
  const usable = Array.from(loud, (isLoud, frame) => isLoud === 1 && isFull(row(energy, frame)));
  const within = bitTop_hz().map((top) => top <= Math.max(bandwidth_hz, 4 * F_LOW));
  const out = new Uint8Array(d.values.length);
  for (let frame = 0; frame < d.rows; frame++) {
    const size = row(d, frame).reduce((sum, value) => sum + Math.abs(value), 0) / N_BITS;
    if (!usable[frame] || !usable[frame + LAG] || size <= STEADY) continue;
    for (let bit = 0; bit < N_BITS; bit++) out[frame * N_BITS + bit] = within[bit] ? 1 : 0;
  }
  return out;
}

function isFull(bands: Float64Array): boolean {
  const fine = bands.subarray(N_BANDS - FINE);
  const least = Math.max(...fine) - FULL_RANGE;
  return fine.reduce((count, value) => count + (value > least ? 1 : 0), 0) >= FULL_BANDS;
}

/** Weights as whole numbers; the highest twentieth, and what rounds to it, has the highest. */
function levels(deserved: Float64Array, counts: Uint8Array): Uint8Array {
  const top = Math.max(
    quantile(
      deserved.filter((_, at) => counts[at] === 1),
      TOP_QUANTILE,
    ),
    1e-6,
  );
  return Uint8Array.from(deserved, (value, at) => (counts[at] ? Math.min(rint((value / top) * LEVELS), LEVELS) : 0));
}
