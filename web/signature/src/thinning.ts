import { rint } from './arrays';
import { N_BITS } from './bands';

/** Factors from 0, which leaves weights as they are, to the one that saves the most. */
export const FACTORS = 256;
/** Parts of a bit in which costs are counted. */
const PARTS = 64;
const LEVELS = 4;
const CONTEXTS = 64;

/**
 * Cheaper weights: of the levels above 0 each takes the one with the least squared error plus `factor` / 256 times its
 * cost, in bits, where it stands (docs/signature.md). All in whole numbers, so that every program chooses the same.
 */
export function thinned(frames: number, weights: Uint8Array, factor: number): Uint8Array {
  if (factor === 0) return weights;
  const costs = costsOf(frames, weights);
  const out = new Uint8Array(weights.length);
  for (let frame = 0; frame < frames; frame++) {
    for (let bit = 0; bit < N_BITS; bit++) {
      const at = frame * N_BITS + bit;
      const weight = weights[at]!;
      if (weight === 0) continue;
      const first = LEVELS * context(out, frame, bit);
      let least = Infinity;
      for (let level = 1; level < LEVELS; level++) {
        const loss = PARTS * FACTORS * (weight - level) ** 2 + factor * costs[first + level]!;
        if (loss < least) [out[at], least] = [level, loss];
      }
    }
  }
  return out;
}

/** What is known of a weight before it is coded: the weights of its bit in the last two frames, and of the bit below. */
export function context(weights: Uint8Array, frame: number, bit: number): number {
  const at = frame * N_BITS + bit;
  const last = frame > 0 ? weights[at - N_BITS]! : 0;
  const second = frame > 1 ? weights[at - 2 * N_BITS]! : 0;
  return last + 4 * second + 16 * (bit > 0 ? weights[at - 1]! : 0);
}

/** Cost of each level in each context, from how often each is there. */
function costsOf(frames: number, weights: Uint8Array): number[] {
  const counts = new Array<number>(CONTEXTS * LEVELS).fill(1);
  for (let frame = 0; frame < frames; frame++) {
    if (!isLive(weights, frame)) continue;
    for (let bit = 0; bit < N_BITS; bit++) {
      counts[LEVELS * context(weights, frame, bit) + weights[frame * N_BITS + bit]!]!++;
    }
  }
  return counts.map((count, at) => {
    const first = at - (at % LEVELS);
    const all = counts.slice(first, first + LEVELS).reduce((sum, each) => sum + each, 0);
    return rint(PARTS * Math.log2(all / count));
  });
}

/** Whether any bit of a frame has a weight. */
export function isLive(weights: Uint8Array, frame: number): boolean {
  return weights.subarray(frame * N_BITS, (frame + 1) * N_BITS).some((weight) => weight > 0);
}
