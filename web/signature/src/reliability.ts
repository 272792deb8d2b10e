import { quantile, row, type Matrix } from './arrays';
import { BANDS, FINE, LAG, N_BANDS, N_BITS, type Energies } from './bands';
import { NETWORK } from './parameters';

/** Share of a snippet's loud frames, quietest first, that a band's background level is read from. */
const BACKGROUND_QUANTILE = 0.15;
const FACTS = 10;

/** Log-odds that each bit equals the clean recording's: a row for each difference. */
export function logOdds({ energy, loud }: Energies, d: Matrix): Float64Array {
  const background = backgroundLevel(energy, loud);
  const hidden = NETWORK.b1.length;
  const level = frameLevels(energy);
  const odds = new Float64Array(d.values.length);
  const facts = new Float64Array(FACTS);
  for (let frame = 0; frame < d.rows; frame++) {
    const spectra = [frame, frame + LAG].map((at) => ({ bands: row(energy, at), level: level[at]! }));
    let bit = 0;
    let band = 0;
    BANDS.forEach((count, resolution) => {
      for (let index = 0; index < count - 1; index++, bit++) {
        factsOf(spectra, background, band + index, Math.abs(row(d, frame)[bit]!), facts);
        facts[7] = -1 + (2 * index) / (count - 2);
        facts[8] = resolution === 0 ? 1 : 0;
        facts[9] = resolution === 1 ? 1 : 0;
        let sum = NETWORK.b2[0]!;
        for (let unit = 0; unit < hidden; unit++) {
          let input = NETWORK.b1[unit]!;
          for (let fact = 0; fact < FACTS; fact++) {
            input += ((facts[fact]! - NETWORK.mean[fact]!) / NETWORK.scale[fact]!) * NETWORK.w1[fact * hidden + unit]!;
          }
          if (input > 0) sum += input * NETWORK.w2[unit]!;
        }
        odds[frame * N_BITS + bit] = sum;
      }
      band += count;
    });
  }
  return odds;
}

/** Size of the difference, levels of its four cells over the background and over the frame, slopes of both spectra. */
function factsOf(
  spectra: readonly { readonly bands: Float64Array; readonly level: number }[],
  background: Float64Array,
  band: number,
  size: number,
  out: Float64Array,
): void {
  let [top, low, sum, relative] = [-Infinity, Infinity, 0, -Infinity];
  spectra.forEach(({ bands, level }, index) => {
    for (let at = band; at <= band + 1; at++) {
      const above = bands[at]! - background[at]!;
      top = Math.max(top, above);
      low = Math.min(low, above);
      sum += above;
      relative = Math.max(relative, bands[at]! - level);
    }
    out[6 - index] = Math.log1p(Math.abs(bands[band + 1]! - bands[band]!));
  });
  out[0] = Math.log1p(size);
  out[1] = top;
  out[2] = low;
  out[3] = sum / 4;
  out[4] = relative;
}

/** Level that each band seldom falls below. */
function backgroundLevel(energy: Matrix, loud: Uint8Array): Float64Array {
  const frames = Array.from(loud.keys()).filter((frame) => loud[frame]);
  const used = frames.length > 0 ? frames : Array.from(loud.keys());
  return Float64Array.from({ length: N_BANDS }, (_, band) =>
    quantile(
      Float64Array.from(used, (frame) => row(energy, frame)[band]!),
      BACKGROUND_QUANTILE,
    ),
  );
}

/** Log of the mean energy of the fine bands of each frame. */
function frameLevels(energy: Matrix): number[] {
  return Array.from({ length: energy.rows }, (_, frame) => {
    const fine = row(energy, frame).subarray(N_BANDS - FINE);
    return Math.log(fine.reduce((sum, value) => sum + Math.exp(value), 0) / FINE);
  });
}
