import { hann, matrix, row, type Matrix } from './arrays';
import { spectra } from './fft';
import { CONFIG } from './parameters';

/** Least power under the logarithm. */
const EPSILON = 1e-7;

/** Power in each mel band of every frame: triangles of unit height, equally spaced on 2595 log10(1 + f / 700). */
export function melPower(samples: Float32Array): Matrix {
  const frames = Math.max(0, 1 + Math.floor((samples.length - CONFIG.frame_length) / CONFIG.frame_step));
  const out = matrix(frames, CONFIG.n_mels);
  const bands = melBands();
  spectra(samples, hann(CONFIG.frame_length), CONFIG.frame_step, (frame, power) => {
    const mel = row(out, frame);
    for (let band = 0; band < CONFIG.n_mels; band++) {
      const triangle = row(bands, band);
      let sum = 0;
      for (let bin = 0; bin < power.length; bin++) sum += power[bin]! * triangle[bin]!;
      mel[band] = sum;
    }
  });
  return out;
}

function melBands(): Matrix {
  const mel = (hz: number) => 2595 * Math.log10(1 + hz / 700);
  const [low, high] = [mel(CONFIG.f_min), mel(CONFIG.f_max)];
  const n_fft = 2 ** Math.ceil(Math.log2(CONFIG.frame_length));
  const edge = (index: number) => 700 * (10 ** ((low + ((high - low) * index) / (CONFIG.n_mels + 1)) / 2595) - 1);
  const out = matrix(CONFIG.n_mels, n_fft / 2 + 1);
  for (let band = 0; band < CONFIG.n_mels; band++) {
    const [left, middle, right] = [edge(band), edge(band + 1), edge(band + 2)];
    const triangle = row(out, band);
    for (let bin = 0; bin < triangle.length; bin++) {
      const hz = (bin * CONFIG.sample_rate) / n_fft;
      triangle[bin] = Math.max(0, Math.min((hz - left) / (middle - left), (right - hz) / (right - middle)));
    }
  }
  return out;
}

/**
 * First time derivative of the MFCCs of frames `first` to `stop` (exclusive) of mel power, one row for each frame that
 * has full support. `floor(frame, band)` is the mean power that the floor is a share of.
 */
export function deltaMfcc(
  mel: Matrix,
  first: number,
  stop: number,
  halfLength: number,
  n_mfcc: number,
  floor: (frame: number, band: number) => number,
): Matrix {
  const mfcc = matrix(stop - first, n_mfcc);
  const dct = dctMatrix(mel.columns, n_mfcc);
  const log = new Float64Array(mel.columns);
  for (let frame = first; frame < stop; frame++) {
    const power = row(mel, frame);
    for (let band = 0; band < mel.columns; band++) {
      log[band] = Math.log(power[band]! + CONFIG.floor * floor(frame, band) + EPSILON);
    }
    const target = row(mfcc, frame - first);
    for (let k = 0; k < n_mfcc; k++) {
      const basis = row(dct, k);
      let sum = 0;
      for (let band = 0; band < mel.columns; band++) sum += log[band]! * basis[band]!;
      target[k] = sum;
    }
  }
  return derivative(mfcc, halfLength);
}

/** Orthonormal DCT-II, a row for each coefficient. */
function dctMatrix(n_mels: number, n_mfcc: number): Matrix {
  const out = matrix(n_mfcc, n_mels);
  for (let k = 0; k < n_mfcc; k++) {
    const basis = row(out, k);
    const scale = Math.sqrt((k === 0 ? 1 : 2) / n_mels);
    for (let band = 0; band < n_mels; band++)
      basis[band] = scale * Math.cos((Math.PI * k * (2 * band + 1)) / (2 * n_mels));
  }
  return out;
}

function derivative(x: Matrix, halfLength: number): Matrix {
  const n = Math.max(0, x.rows - 2 * halfLength);
  const out = matrix(n, x.columns);
  splineKernel(halfLength).forEach((weight, index) => {
    const later = (halfLength + index + 1) * x.columns;
    const earlier = (halfLength - index - 1) * x.columns;
    for (let at = 0; at < out.values.length; at++) {
      out.values[at] = out.values[at]! + weight * (x.values[later + at]! - x.values[earlier + at]!);
    }
  });
  return out;
}

/**
 * Weights of x[t + j] - x[t - j], j = 1 to halfLength: the derivative of a cubic smoothing spline (Unser, Aldroubi & Eden
 * 1993, part II), cut off and scaled so that a ramp of slope one gives exactly one.
 */
export function splineKernel(halfLength: number): number[] {
  const smoothing = (halfLength / 3) ** 4;
  const n = 4096;
  const weights = Array.from({ length: halfLength }, (_, index) => {
    let sum = 0;
    for (let bin = 0; bin < n; bin++) {
      const omega = (2 * Math.PI * bin) / n;
      const filter = (2 + Math.cos(omega)) / 3 + smoothing * (2 * Math.cos(omega) - 2) ** 2;
      sum += (Math.sin(omega) / filter) * Math.sin(omega * (index + 1));
    }
    return sum;
  });
  const ramp = 2 * weights.reduce((sum, weight, index) => sum + weight * (index + 1), 0);
  return weights.map((weight) => weight / ramp);
}
