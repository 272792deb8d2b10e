import { row, type Matrix } from './arrays';
import { N_BITS } from './bands';
import { Coder } from './coding';
import type { Fingerprint } from './fingerprint';
import { rint } from './arrays';
import type { Mixture } from './mixtures';
import { FEATURES, NETWORK_VERSION } from './parameters';

/** What a signature is made of. */
export interface Models {
  readonly n_samples: number;
  readonly fingerprint: Fingerprint;
  readonly slots: readonly Matrix[];
  readonly windows: readonly (Mixture | null)[];
}

export const VERSION = 1;
/** Steps in a unit of means and factors, and the sum of a mixture's weights. */
const STEPS = 2 ** 11;
const WHOLE = 65535;
const SLOT_GROUPS = 4;

// First contexts of each kind of number.
const LIVE = 0;
const WEIGHT = LIVE + 2;
const SIGN = WEIGHT + 64 * 4;
const SLOT = SIGN + 27 * 4;
const VALUE = SLOT + SLOT_GROUPS * 256;
const AUDIBLE = VALUE + 4 * 256;

/** The bytes that docs/signature.md describes. */
export function encode({ n_samples, fingerprint, slots, windows }: Models): Uint8Array {
  const coder = new Coder(AUDIBLE + 1);
  codeFingerprint(coder, fingerprint);
  for (const phase of slots) {
    phase.values.forEach((value, at) => {
      const group = Math.floor(((at % phase.columns) * SLOT_GROUPS) / phase.columns);
      coder.number(SLOT + 256 * group, 8, value + 128);
    });
  }
  for (const window of windows) {
    coder.bit(AUDIBLE, window ? 1 : 0);
    if (window) codeMixture(coder, window);
  }
  const payload = coder.finish();
  const bytes = new Uint8Array(20 + payload.length + 4);
  const view = new DataView(bytes.buffer);
  bytes.set([0x45, 0x4d, 0x53, 0x47, VERSION, NETWORK_VERSION, ...FEATURES]);
  view.setUint32(14, n_samples, true);
  view.setUint16(18, rint(fingerprint.expected * 65535), true);
  bytes.set(payload, 20);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  return bytes;
}

function codeFingerprint(coder: Coder, { frames, signs, weights }: Fingerprint): void {
  const live = Array.from({ length: frames }, (_, frame) =>
    weights.subarray(frame * N_BITS, (frame + 1) * N_BITS).some((weight) => weight > 0) ? 1 : 0,
  );
  live.forEach((bit, frame) => coder.bit(LIVE + (live[frame - 1] ?? 0), bit));
  const shared = sharedWeights(frames, weights, live);
  for (let pair = 0; 2 * pair < frames; pair++) {
    if (!live[2 * pair] && !live[2 * pair + 1]) continue;
    for (let bit = 0; bit < N_BITS; bit++) {
      const of = (before: number, below: number) =>
        pair < before || bit < below ? 0 : shared[(pair - before) * N_BITS + bit - below]!;
      coder.number(WEIGHT + 4 * (of(1, 0) + 4 * of(2, 0) + 16 * of(0, 1)), 2, of(0, 0));
    }
  }
  for (let frame = 0; frame < frames; frame++) {
    for (let bit = 0; bit < N_BITS && live[frame]; bit++) {
      const weight = shared[(frame >> 1) * N_BITS + bit]!;
      if (weight === 0) continue;
      /** 0 for a bit without weight or outside, else 1 plus the bit. */
      const seen = (before: number, below: number) => {
        const [f, b] = [frame - before, bit - below];
        if (f < 0 || b < 0 || !live[f] || shared[(f >> 1) * N_BITS + b] === 0) return 0;
        return 1 + signs[f * N_BITS + b]!;
      };
      const context = SIGN + weight + 4 * (seen(1, 0) + 3 * seen(2, 0) + 9 * seen(0, 1));
      coder.bit(context, signs[frame * N_BITS + bit]!);
    }
  }
}

/** Weights of each pair of frames: the mean of those that are live, rounded up. */
function sharedWeights(frames: number, weights: Uint8Array, live: readonly number[]): Uint8Array {
  const out = new Uint8Array((frames / 2) * N_BITS);
  for (let pair = 0; 2 * pair < frames; pair++) {
    const count = Math.max(1, live[2 * pair]! + live[2 * pair + 1]!);
    for (let bit = 0; bit < N_BITS; bit++) {
      const sum = weights[2 * pair * N_BITS + bit]! + weights[(2 * pair + 1) * N_BITS + bit]!;
      out[pair * N_BITS + bit] = Math.ceil(sum / count);
    }
  }
  return out;
}

function codeMixture(coder: Coder, { weights, means, factors }: Mixture): void {
  const d = means.columns;
  const parts = weights.map((weight) => Math.max(1, rint(weight * WHOLE)));
  // The largest takes what rounding left over.
  const largest = parts.indexOf(Math.max(...parts));
  parts[largest] = parts[largest]! + WHOLE - parts.reduce((sum, part) => sum + part, 0);
  const code = (kind: number, value: number) => {
    const whole = value + 32768;
    coder.number(VALUE + 256 * kind, 8, whole >> 8);
    coder.plain(8, whole & 255);
  };
  const steps = (value: number) => Math.min(32767, Math.max(-32767, rint(value * STEPS)));
  parts.forEach((part, k) => {
    code(0, part - 32768);
    row(means, k).forEach((mean) => code(1, steps(mean)));
    const factor = row(factors, k);
    for (let i = 0, at = 0; i < d; i++) for (let j = 0; j <= i; j++, at++) code(i === j ? 2 : 3, steps(factor[at]!));
  });
}

/** The checksum of zip and PNG. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
