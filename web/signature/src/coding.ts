/** Bits seen in a context from which its probability moves no slower; its least value, in units of 2^-16. */
const LIMIT = 126;
const LEAST = 64;
const ONE = 2 ** 16;
const BYTE = 2 ** 8;
const TOP = 2 ** 24;
const HIGHEST = 2 ** 32;

/**
 * Writes bits by adaptive arithmetic coding (Rissanen & Langdon 1979; Martin 1979): each with the probability that the
 * bits of its context had so far. Numbers stay below 2^53, so that they are exact.
 */
export class Coder {
  private low = 0;
  private range = HIGHEST - 1;
  private byte = 0;
  private pending = 1;
  private readonly bytes: number[] = [];
  private readonly zero: Uint32Array;
  private readonly seen: Uint8Array;

  constructor(contexts: number) {
    this.zero = new Uint32Array(contexts).fill(ONE / 2);
    this.seen = new Uint8Array(contexts);
  }

  bit(context: number, bit: number): void {
    const p = this.zero[context]!;
    const seen = this.seen[context]!;
    this.narrow(Math.floor(this.range / ONE) * p, bit);
    const moved = p + Math.floor((((bit ? 0 : ONE) - p) * Math.floor(ONE / (seen + 2))) / ONE);
    this.zero[context] = Math.min(Math.max(moved, LEAST), ONE - LEAST);
    this.seen[context] = Math.min(seen + 1, LIMIT);
  }

  /** A number of `bits` bits, highest first, in the 2^bits contexts from `first` on. */
  number(first: number, bits: number, value: number): void {
    let node = 1;
    for (let index = bits - 1; index >= 0; index--) {
      const bit = (value >> index) & 1;
      this.bit(first + node, bit);
      node = 2 * node + bit;
    }
  }

  /** A number of `bits` bits, all of them equally likely to be 0 or 1. */
  plain(bits: number, value: number): void {
    for (let index = bits - 1; index >= 0; index--) this.narrow(Math.floor(this.range / 2), (value >> index) & 1);
  }

  finish(): Uint8Array {
    for (let byte = 0; byte < 5; byte++) this.shift();
    return Uint8Array.from(this.bytes);
  }

  private narrow(bound: number, bit: number): void {
    if (bit) {
      this.low += bound;
      this.range -= bound;
    } else {
      this.range = bound;
    }
    while (this.range < TOP) {
      this.range *= BYTE;
      this.shift();
    }
  }

  /** Write the interval's highest byte; one that a carry may still change waits. */
  private shift(): void {
    if (this.low < 0xff000000 || this.low >= HIGHEST) {
      const carry = this.low >= HIGHEST ? 1 : 0;
      for (let value = this.byte; this.pending > 0; this.pending--, value = 0xff)
        this.bytes.push((value + carry) & 0xff);
      this.byte = Math.floor(this.low / TOP) & 0xff;
    }
    this.pending++;
    this.low = (this.low % TOP) * BYTE;
  }
}
