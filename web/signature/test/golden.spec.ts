import { readFileSync } from 'node:fs';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';

import { signatureOf, SignatureError } from '../src/index';
import { crc32 } from '../src/format';
import { read } from './reader';

/** What Python computes with 32 bits is computed here with 64: a difference at zero may change its sign. */
const SIGNS = 1e-3;
/** For the same reason a number may be rounded to its neighbour. */
const ROUNDED = 1e-3;

/** Recordings of one window each. */
const GOLDEN = ['room', 'cd', 'quiet', 'falling-silent'];

function file(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../golden/${name}`, import.meta.url)));
}

/** Samples and rate of a mono WAV file of 16 bits. */
function wav(bytes: Uint8Array): { samples: Float32Array; rate: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = (bytes.length - 44) / 2;
  const samples = Float32Array.from({ length }, (_, at) => view.getInt16(44 + 2 * at, true) / 32768);
  return { samples, rate: view.getUint32(24, true) };
}

/** Share of numbers that differ, and by how much at most. */
function apart(a: readonly number[], b: readonly number[]): { share: number; most: number } {
  expect(a.length).toBe(b.length);
  const sizes = a.map((value, at) => Math.abs(value - b[at]!));
  return { share: sizes.filter((size) => size > 0).length / Math.max(1, a.length), most: Math.max(0, ...sizes) };
}

describe.each(GOLDEN)('the recording “%s”', (name) => {
  const { samples, rate } = wav(file(`${name}.wav`));
  const bytes = signatureOf(samples, rate);
  const [ours, golden] = [read(bytes, 1), read(file(`${name}.sig`), 1)];

  it('has the head of the golden signature, and one byte for each that is read', () => {
    expect([ours.network, ours.features, ours.n_samples]).toEqual([golden.network, golden.features, golden.n_samples]);
    expect(Math.abs(ours.expected - golden.expected)).toBeLessThanOrEqual(ROUNDED * 65535);
    for (const {
      bytes: [used, there],
    } of [ours, golden])
      expect(used).toBe(there);
    const check = new DataView(bytes.buffer).getUint32(bytes.length - 4, true);
    expect(crc32(bytes.subarray(0, -4))).toBe(check);
  });

  it('has its fingerprint', () => {
    expect(ours.live).toEqual(golden.live);
    expect(golden.live).toContain(1);
    expect(apart(ours.weights, golden.weights).share).toBeLessThanOrEqual(ROUNDED);
    expect(apart(ours.signs, golden.signs).share).toBeLessThanOrEqual(SIGNS);
  });

  it('has its slots and mixtures', () => {
    const slots = apart(ours.slots, golden.slots);
    expect(slots.share).toBeLessThanOrEqual(ROUNDED);
    expect(slots.most).toBeLessThanOrEqual(1);
    expect(ours.audible).toEqual(golden.audible);
    expect(golden.mixtures.length).toBe(630);
    expect(apart(ours.mixtures, golden.mixtures).most).toBeLessThanOrEqual(2);
  });
});

describe('what has no signature', () => {
  const refused = (samples: Float32Array, rate: number) => {
    try {
      signatureOf(samples, rate);
    } catch (error) {
      return error instanceof SignatureError ? error.name : error;
    }
    return 'a signature';
  };

  it('is too short, silent, or no sound', () => {
    expect(refused(new Float32Array(8000).fill(0.1), 16000)).toBe('snippet_too_short');
    expect(refused(new Float32Array(48000), 48000)).toBe('snippet_silent');
    expect(refused(new Float32Array(16000).fill(0.5), 16000)).toBe('snippet_silent');
    expect(refused(new Float32Array(48000).fill(NaN), 48000)).toBe('invalid_parameter');
    expect(refused(new Float32Array(48000).fill(0.1), 44100.5)).toBe('invalid_parameter');
  });

  it('is not what is only very quiet', () => {
    const quiet = Float32Array.from({ length: 32000 }, (_, at) => 1e-3 * Math.sin(at * at * 1e-5));
    expect(refused(quiet, 16000)).toBe('a signature');
  });
});

it('is small once built', () => {
  const built = buildSync({
    entryPoints: [new URL('../src/index.ts', import.meta.url).pathname],
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
  });
  expect(built.outputFiles[0]!.contents.length).toBeLessThanOrEqual(100_000);
});
