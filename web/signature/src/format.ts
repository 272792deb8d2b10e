import { row, type Matrix } from './arrays';
import { N_BITS } from './bands';
import { Coder } from './coding';
import type { Fingerprint } from './fingerprint';
import { rint } from './arrays';
import type { Mixture } from './mixtures';
import { CONFIG, FEATURES, NETWORK_VERSION } from './parameters';
import { context, FACTORS, isLive, thinned } from './thinning';

/** What a signature is made of. */
export interface Models {
  readonly n_samples: number;
  readonly fingerprint: Fingerprint;
  readonly slots: readonly Matrix[];
  readonly windows: readonly (Mixture | null)[];
}

export const VERSION = 2;
/** Bytes that numbers are given, for each window and each second of sound. */
const WINDOW_ROOM = 900;
const SECOND_ROOM = 1415;
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

/** The bytes that docs/signature.md describes; weights of bits are as true as the room for them allows. */
export function encode(models: Models): Uint8Array {
  const { n_samples, fingerprint, windows } = models;
  const room =
    WINDOW_ROOM * windows.filter((window) => window).length +
    Math.floor((SECOND_ROOM * n_samples) / CONFIG.sample_rate);
  const coded = (factor: number) => {
    const weights = thinned(fingerprint.frames, fingerprint.weights, factor);
    return code({ ...models, fingerprint: { ...fingerprint, weights } });
  };
  let [low, high] = [0, FACTORS - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (coded(middle).length <= room) high = middle;
    else low = middle + 1;
  }
  const payload = coded(low);
  const bytes = new Uint8Array(20 + payload.length + 4);
  const view = new DataView(bytes.buffer);
  bytes.set([0x45, 0x4d, 0x53, 0x47, VERSION, NETWORK_VERSION, ...FEATURES]);
  view.setUint32(14, n_samples, true);
  view.setUint16(18, rint(fingerprint.expected * 65535), true);
  bytes.set(payload, 20);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
  return bytes;
}

function code({ fingerprint, slots, windows }: Models): Uint8Array {
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
  return coder.finish();
}

function codeFingerprint(coder: Coder, { frames, signs, weights }: Fingerprint): void {
  const live = Array.from({ length: frames }, (_, frame) => isLive(weights, frame));
  live.forEach((is, frame) => coder.bit(LIVE + (live[frame - 1] ? 1 : 0), is ? 1 : 0));
  for (let frame = 0; frame < frames; frame++) {
    for (let bit = 0; bit < N_BITS && live[frame]; bit++) {
      coder.number(WEIGHT + 4 * context(weights, frame, bit), 2, weights[frame * N_BITS + bit]!);
    }
  }
  for (let frame = 0; frame < frames; frame++) {
    for (let bit = 0; bit < N_BITS; bit++) {
      const at = frame * N_BITS + bit;
      if (weights[at] === 0) continue;
      /** 0 for a bit without weight or outside, else 1 plus the bit. */
      const seen = (is: boolean, before: number) => (is && weights[at - before]! > 0 ? 1 + signs[at - before]! : 0);
      const last = seen(frame > 0, N_BITS);
      const second = seen(frame > 1, 2 * N_BITS);
      const lower = seen(bit > 0, 1);
      coder.bit(SIGN + weights[at]! + 4 * (last + 3 * second + 9 * lower), signs[at]!);
    }
  }
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
