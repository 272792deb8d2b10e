/** Ten periods of the lower rate reach to either side; Kaiser's window has this shape. */
const REACH = 10;
const KAISER_BETA = 5;

/**
 * Samples at another rate: a polyphase filter with a windowed sinc (Kaiser 1974), without delay, as long as the original.
 * Whole numbers of samples a second.
 */
export function resample(samples: Float32Array, source_hz: number, target_hz: number): Float32Array {
  if (source_hz === target_hz) return samples;
  const divisor = gcd(source_hz, target_hz);
  const up = target_hz / divisor;
  const down = source_hz / divisor;
  const filter = lowPass(Math.max(up, down), up);
  const half = (filter.length - 1) / 2;
  const out = new Float32Array(Math.ceil((samples.length * up) / down));
  for (let index = 0; index < out.length; index++) {
    const at = index * down;
    const first = Math.max(0, Math.ceil((at - half) / up));
    const last = Math.min(samples.length - 1, Math.floor((at + half) / up));
    let sum = 0;
    for (let sample = first; sample <= last; sample++) sum += samples[sample]! * filter[half + at - sample * up]!;
    out[index] = sum;
  }
  return out;
}

/** Low-pass filter whose cut-off is the Nyquist frequency over `factor`, with a gain of `gain`. */
function lowPass(factor: number, gain: number): Float64Array {
  const half = REACH * factor;
  const filter = Float64Array.from({ length: 2 * half + 1 }, (_, index) => {
    const x = (index - half) / factor;
    const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    return sinc * bessel(KAISER_BETA * Math.sqrt(Math.max(0, 1 - ((index - half) / half) ** 2)));
  });
  const sum = filter.reduce((total, value) => total + value, 0);
  return filter.map((value) => (value / sum) * gain);
}

/** Modified Bessel function of the first kind, order 0: its power series. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-17 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
