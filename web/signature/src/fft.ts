/** Power spectra by the fast Fourier transform of Cooley and Tukey (1965), for lengths that are powers of two. */
export class Fft {
  private readonly cos: Float64Array;
  private readonly sin: Float64Array;
  private readonly real: Float64Array;
  private readonly imaginary: Float64Array;
  private readonly place: Uint32Array;

  constructor(private readonly length: number) {
    const half = length / 2;
    this.cos = Float64Array.from({ length: half }, (_, index) => Math.cos((2 * Math.PI * index) / length));
    this.sin = Float64Array.from({ length: half }, (_, index) => -Math.sin((2 * Math.PI * index) / length));
    this.real = new Float64Array(length);
    this.imaginary = new Float64Array(length);
    this.place = new Uint32Array(length);
    for (let index = 1; index < length; index++) {
      this.place[index] = (this.place[index >> 1]! >> 1) | (index & 1 ? half : 0);
    }
  }

  /** Write the power of the bins 0 to length / 2 of real samples; those that are missing at the end count as zeros. */
  power(samples: Float64Array, out: Float64Array): void {
    const { real, imaginary, length } = this;
    imaginary.fill(0);
    for (let index = 0; index < length; index++) real[this.place[index]!] = samples[index] ?? 0;
    for (let size = 2; size <= length; size *= 2) this.butterflies(size);
    for (let bin = 0; bin <= length / 2; bin++) out[bin] = real[bin]! ** 2 + imaginary[bin]! ** 2;
  }

  private butterflies(size: number): void {
    const { real, imaginary, cos, sin, length } = this;
    const half = size / 2;
    const step = length / size;
    for (let start = 0; start < length; start += size) {
      for (let index = 0; index < half; index++) {
        const upper = start + index;
        const lower = upper + half;
        const c = cos[index * step]!;
        const s = sin[index * step]!;
        const r = real[lower]! * c - imaginary[lower]! * s;
        const i = real[lower]! * s + imaginary[lower]! * c;
        real[lower] = real[upper]! - r;
        imaginary[lower] = imaginary[upper]! - i;
        real[upper] = real[upper]! + r;
        imaginary[upper] = imaginary[upper]! + i;
      }
    }
  }
}

/** Power spectra of frames of samples, one row each: windowed, and filled up with zeros to a power of two. */
export function spectra(
  samples: Float32Array,
  window: Float64Array,
  step: number,
  visit: (frame: number, power: Float64Array, windowed: Float64Array) => void,
): void {
  const n_fft = 2 ** Math.ceil(Math.log2(window.length));
  const fft = new Fft(n_fft);
  const power = new Float64Array(n_fft / 2 + 1);
  const windowed = new Float64Array(window.length);
  const frames = Math.max(0, 1 + Math.floor((samples.length - window.length) / step));
  for (let frame = 0; frame < frames; frame++) {
    for (let index = 0; index < window.length; index++)
      windowed[index] = samples[frame * step + index]! * window[index]!;
    fft.power(windowed, power);
    visit(frame, power, windowed);
  }
}
