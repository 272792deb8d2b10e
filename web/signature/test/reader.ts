/** Reads the numbers of a signature, as docs/signature.md describes them; for tests. */

import { N_BITS } from '../src/bands';

const ONE = 2 ** 16;

class Decoder {
  private code: number;
  private range = 2 ** 32 - 1;
  private at = 5;
  private readonly zero = new Map<number, number>();
  private readonly seen = new Map<number, number>();

  constructor(private readonly bytes: Uint8Array) {
    this.code = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  }

  get used(): number {
    return this.at;
  }

  bit(context: number): number {
    const p = this.zero.get(context) ?? ONE / 2;
    const seen = this.seen.get(context) ?? 0;
    const bit = this.narrow(Math.floor(this.range / ONE) * p);
    const moved = p + Math.floor((((bit ? 0 : ONE) - p) * Math.floor(ONE / (seen + 2))) / ONE);
    this.zero.set(context, Math.min(Math.max(moved, 64), ONE - 64));
    this.seen.set(context, Math.min(seen + 1, 126));
    return bit;
  }

  number(first: number, bits: number): number {
    let node = 1;
    for (let index = 0; index < bits; index++) node = 2 * node + this.bit(first + node);
    return node - 2 ** bits;
  }

  plain(bits: number): number {
    let value = 0;
    for (let index = 0; index < bits; index++) value = 2 * value + this.narrow(Math.floor(this.range / 2));
    return value;
  }

  private narrow(bound: number): number {
    const bit = this.code < bound ? 0 : 1;
    this.code -= bit ? bound : 0;
    this.range = bit ? this.range - bound : bound;
    for (; this.range < 2 ** 24; this.range *= 256) this.code = this.code * 256 + (this.bytes[this.at++] ?? 0);
    return bit;
  }
}

/** A signature's head, and its numbers by kind. */
export interface Numbers {
  readonly network: number;
  readonly features: string;
  readonly n_samples: number;
  readonly expected: number;
  readonly live: number[];
  readonly weights: number[];
  /** 0 or 1; -1 for bits without weight. */
  readonly signs: number[];
  readonly slots: number[];
  readonly audible: number[];
  readonly mixtures: number[];
  /** Bytes of the payload that were read, and that there are. */
  readonly bytes: readonly [number, number];
}

export function read(signature: Uint8Array, windows: number): Numbers {
  const view = new DataView(signature.buffer, signature.byteOffset);
  const n_samples = view.getUint32(14, true);
  const decoder = new Decoder(signature.subarray(20, -4));
  const pairs = Math.floor(Math.max(0, 1 + Math.floor((n_samples - 2048) / 256) - 16) / 2);
  const mel = Math.max(0, 1 + Math.floor((n_samples - 480) / 240));
  const n_slots = Math.floor(Math.max(0, mel - 24 - 4) / 8);

  const live: number[] = [];
  for (let frame = 0; frame < 2 * pairs; frame++) live.push(decoder.bit(live[frame - 1] ?? 0));
  const weights = new Array<number>(2 * pairs * N_BITS).fill(0);
  const signs = new Array<number>(2 * pairs * N_BITS).fill(-1);
  /** A number of the same bit `frames` before, or of the bit below; what is outside counts as `none`. */
  const around = (numbers: readonly number[], at: number, none: number) => {
    const lower = at % N_BITS > 0 ? numbers[at - 1]! : none;
    return [numbers[at - N_BITS] ?? none, numbers[at - 2 * N_BITS] ?? none, lower] as const;
  };
  for (let at = 0; at < weights.length; at++) {
    if (!live[Math.floor(at / N_BITS)]) continue;
    const [last, second, lower] = around(weights, at, 0);
    weights[at] = decoder.number(2 + 4 * (last + 4 * second + 16 * lower), 2);
  }
  for (let at = 0; at < signs.length; at++) {
    if (weights[at] === 0) continue;
    const [last, second, lower] = around(signs, at, -1);
    signs[at] = decoder.bit(258 + weights[at]! + 4 * (1 + last + 3 * (1 + second) + 9 * (1 + lower)));
  }
  const slots: number[] = [];
  for (let at = 0; at < 2 * n_slots * 24; at++)
    slots.push(decoder.number(366 + 256 * Math.floor((at % 24) / 6), 8) - 128);
  const audible: number[] = [];
  const mixtures: number[] = [];
  for (let window = 0; window < windows; window++) {
    audible.push(decoder.bit(2414));
    for (let component = 0; component < 6 && audible[window]; component++) {
      for (let value = 0; value < 105; value++) {
        const high = decoder.number(1390 + 256 * kindOf(value), 8);
        mixtures.push(256 * high + decoder.plain(8) - 32768);
      }
    }
  }
  return {
    network: signature[5]!,
    features: Array.from(signature.subarray(6, 14), (byte) => byte.toString(16).padStart(2, '0')).join(''),
    n_samples,
    expected: view.getUint16(18, true),
    live,
    weights,
    signs,
    slots,
    audible,
    mixtures,
    bytes: [decoder.used, signature.length - 24],
  };
}

/** Weight, mean, or a Cholesky factor's diagonal and the rest below it. */
function kindOf(value: number): number {
  if (value < 14) return value === 0 ? 0 : 1;
  let last = 14;
  for (let i = 0; i < 13; last += ++i + 1) if (value === last) return 2;
  return 3;
}
