import { hann, matrix, row, type Matrix } from './arrays';
import { spectra } from './fft';

export const SAMPLE_RATE = 16000;
export const FRAME = 2048;
export const HOP = 256;
/** Frames between the two spectra of a difference. */
export const LAG = 4096 / HOP;
/** Logarithmic bands of each resolution. */
export const BANDS = [13, 25, 89] as const;
export const N_BANDS = BANDS[0] + BANDS[1] + BANDS[2];
export const FINE = BANDS[2];
export const N_BITS = N_BANDS - BANDS.length;
export const F_LOW = 80;
const F_HIGH = 7000;
/** Mean square of a frame from which quantisation does not show. */
const QUIET = 10 ** -7.5;
/** Share of a frame's mean band energy that floors its bands. */
const LEAKAGE = 1e-4;
/** Parts of an FFT bin by which band edges cut it. */
const OVERSAMPLE = 64;

/** Log energies of all bands, nats, a row for each frame of 128 ms every 16 ms; and which frames are loud enough. */
export interface Energies {
  readonly energy: Matrix;
  readonly loud: Uint8Array;
}

export function energies(samples: Float32Array): Energies {
  const frames = Math.max(0, 1 + Math.floor((samples.length - FRAME) / HOP));
  const energy = matrix(frames, N_BANDS);
  const loud = new Uint8Array(frames);
  const window = hann(FRAME);
  const quiet = QUIET * window.reduce((sum, value) => sum + value * value, 0);
  const bank = bandBank();
  spectra(samples, window, HOP, (frame, power, windowed) => {
    loud[frame] = windowed.reduce((sum, value) => sum + value * value, 0) > quiet ? 1 : 0;
    const bands = row(energy, frame);
    let fine = 0;
    bank.forEach(({ first, shares }, band) => {
      let sum = 0;
      for (let bin = 0; bin < shares.length; bin++) sum += power[first + bin]! * shares[bin]!;
      bands[band] = sum;
      if (band >= N_BANDS - FINE) fine += sum / FINE;
    });
    for (let band = 0; band < N_BANDS; band++) bands[band] = Math.log(bands[band]! + LEAKAGE * fine + 1e-12);
  });
  return { energy, loud };
}

/** Upper edge of a band of a resolution, Hz; edge 0 is the lowest band's lower one. */
function edge(count: number, index: number): number {
  return F_LOW * (F_HIGH / F_LOW) ** (index / count);
}

/** Upper edge of the higher of the two bands behind each bit, Hz. */
export function bitTop_hz(): number[] {
  return BANDS.flatMap((count) => Array.from({ length: count - 1 }, (_, index) => edge(count, index + 2)));
}

interface Band {
  readonly first: number;
  readonly shares: Float64Array;
}

/** Rectangular bands over FFT bins, bins shared in proportion where an edge cuts them; a band's value is its mean power. */
function bandBank(): Band[] {
  const fine = (FRAME / 2) * OVERSAMPLE;
  return BANDS.flatMap((count) =>
    Array.from({ length: count }, (_, band) => {
      const column = new Float64Array(FRAME / 2 + 1);
      const part = (hz: number) => Math.ceil((hz * FRAME * OVERSAMPLE) / SAMPLE_RATE - 0.5);
      const last = Math.min(fine, part(edge(count, band + 1)));
      for (let index = part(edge(count, band)); index < last; index++) {
        const at = (index + 0.5) / OVERSAMPLE;
        const bin = Math.floor(at);
        column[bin] = column[bin]! + 1 - (at - bin);
        column[bin + 1] = column[bin + 1]! + at - bin;
      }
      const sum = column.reduce((total, share) => total + share, 0);
      const first = column.findIndex((share) => share > 0);
      let end = column.length;
      while (column[end - 1] === 0) end--;
      return { first, shares: column.subarray(first, end).map((share) => share / sum) };
    }),
  );
}
