import { quantile, row, type Matrix } from './arrays';
import { BANDS, FINE, LAG, N_BANDS, N_BITS, type Energies } from './bands';
import { NETWORK } from './parameters';

/** Share of a snippet's loud frames, quietest first, that a band's background level is read from. */
const BACKGROUND_QUANTILE = 0.15;
/** Nats over its background from which a band counts as sounding. */
const SOUNDING = 1.5;
/** Zones of frequency in which the facts of a snippet are taken: where they meet, as shares of the fine bands. */
const ZONES = [0.36, 0.606, 0.81];
const FACTS = 10;
const HIDDEN = NETWORK.b_hidden.length;

/** What the network says of each bit, a row for each difference. */
export interface Judgement {
  /** Log-odds that the bit equals the clean recording's. */
  readonly odds: Float64Array;
  /** What it should weigh; only ratios mean anything. */
  readonly weights: Float64Array;
}

/** What a snippet as a whole tells about its bits. */
interface Context {
  readonly background: Float64Array;
  /** Median of the frames' levels, nats. */
  readonly level: number;
  readonly facts: readonly number[];
}

/** Judge every bit of a snippet. */
export function judge({ energy, loud }: Energies, d: Matrix): Judgement {
  const level = frameLevels(energy);
  const context = contextOf(energy, loud, d, level);
  const { background } = context;
  const sounding = Array.from({ length: energy.rows }, (_, frame) => soundingShare(row(energy, frame), background));
  const always = Float64Array.from(NETWORK.b_hidden);
  context.facts.forEach((fact, at) => add(always, fact, NETWORK.w_snippet, at));
  const odds = new Float64Array(d.values.length);
  const weights = new Float64Array(d.values.length);
  const facts = new Float64Array(FACTS);
  for (let frame = 0; frame < d.rows; frame++) {
    const shift = always.slice();
    add(shift, Math.max(level[frame]!, level[frame + LAG]!) - context.level, NETWORK.w_frame, 0);
    add(shift, (sounding[frame]! + sounding[frame + LAG]!) / 2, NETWORK.w_frame, 1);
    const spectra = [frame, frame + LAG].map((at) => ({ bands: row(energy, at), level: level[at]! }));
    let bit = 0;
    let band = 0;
    BANDS.forEach((count, resolution) => {
      for (let index = 0; index < count - 1; index++, bit++) {
        factsOf(spectra, background, band + index, Math.abs(row(d, frame)[bit]!), facts);
        facts[7] = -1 + (2 * index) / (count - 2);
        facts[8] = resolution === 0 ? 1 : 0;
        facts[9] = resolution === 1 ? 1 : 0;
        let [o, pull] = [NETWORK.b_out[0]!, NETWORK.b_out[1]!];
        for (let unit = 0; unit < HIDDEN; unit++) {
          let input = shift[unit]!;
          for (let fact = 0; fact < FACTS; fact++) input += facts[fact]! * NETWORK.w_bit[fact * HIDDEN + unit]!;
          if (input > 0) {
            o += input * NETWORK.w_out[2 * unit]!;
            pull += input * NETWORK.w_out[2 * unit + 1]!;
          }
        }
        odds[frame * N_BITS + bit] = o;
        weights[frame * N_BITS + bit] =
          NETWORK.factor[bit]! * (Math.max(pull, 0) + Math.log1p(Math.exp(-Math.abs(pull))));
      }
      band += count;
    });
  }
  return { odds, weights };
}

/** Add a fact times its row of weights to the inputs of the hidden units. */
function add(inputs: Float64Array, fact: number, weights: Float64Array, at: number): void {
  for (let unit = 0; unit < HIDDEN; unit++) inputs[unit]! += fact * weights[at * HIDDEN + unit]!;
}

/** Facts of a whole snippet: of each zone its height, its movement, its swing and its tilt. */
function contextOf(energy: Matrix, loud: Uint8Array, d: Matrix, level: readonly number[]): Context {
  const frames = Array.from(loud.keys()).filter((frame) => loud[frame]);
  const used = frames.length > 0 ? frames : Array.from(loud.keys());
  const moving = Array.from({ length: d.rows }, (_, frame) => frame).filter((at) => loud[at] && loud[at + LAG]);
  const column = (band: number) => Float64Array.from(used, (frame) => row(energy, frame)[band]!);
  const columns = Array.from({ length: N_BANDS }, (_, band) => column(band));
  const background = Float64Array.from(columns, (values) => quantile(values, BACKGROUND_QUANTILE));
  const fine = columns.slice(N_BANDS - FINE);
  const edges = [0, ...ZONES.map((share) => Math.round(share * FINE)), FINE];
  const facts = edges.slice(1).flatMap((high, zone) => {
    const inside = fine.slice(edges[zone], high);
    const heights = inside.map((values, at) => mean(values) - background[N_BANDS - FINE + edges[zone]! + at]!);
    const bits = Array.from({ length: Math.min(high, FINE - 1) - edges[zone]! }, (_, at) => edges[zone]! + at);
    const sizes = bits.map((bit) =>
      mean(moving.map((frame) => Math.log1p(Math.abs(row(d, frame)[N_BITS - (FINE - 1) + bit]!)))),
    );
    const tilts = Float64Array.from(used, (frame, at) => mean(inside.map((values) => values[at]!)) - level[frame]!);
    return [mean(heights), mean(sizes), mean(inside.map(deviation)), quantile(tilts, 0.5)];
  });
  const levels = Float64Array.from(used, (frame) => level[frame]!);
  return { background, level: quantile(levels, 0.5), facts };
}

function mean(values: ArrayLike<number>): number {
  return values.length > 0 ? Array.from(values).reduce((sum, value) => sum + value, 0) / values.length : 0;
}

function deviation(values: Float64Array): number {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
}

/** Share of a frame's fine bands that stand out of their background. */
function soundingShare(bands: Float64Array, background: Float64Array): number {
  let count = 0;
  for (let band = N_BANDS - FINE; band < N_BANDS; band++) if (bands[band]! > background[band]! + SOUNDING) count++;
  return count / FINE;
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

/** Log of the mean energy of the fine bands of each frame. */
function frameLevels(energy: Matrix): number[] {
  return Array.from({ length: energy.rows }, (_, frame) => {
    const fine = row(energy, frame).subarray(N_BANDS - FINE);
    return Math.log(fine.reduce((sum, value) => sum + Math.exp(value), 0) / FINE);
  });
}
