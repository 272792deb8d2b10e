/** Loudness of a block of samples, for the meter. */

export interface Level {
  /** Root mean square, dB below full scale; -Infinity for digital silence. */
  readonly rms_db: number;
  /** Greatest magnitude, full scale 1. */
  readonly peak: number;
}

export function levelOf(samples: ArrayLike<number>): Level {
  let sum = 0;
  let peak = 0;
  for (let index = 0; index < samples.length; index++) {
    const value = Math.abs(samples[index]!);
    sum += value * value;
    if (value > peak) peak = value;
  }
  const rms = samples.length ? Math.sqrt(sum / samples.length) : 0;
  return { rms_db: 20 * Math.log10(rms), peak };
}

const QUIETEST_DB = -54;
const LOUDEST_DB = -4;
/** Above 1: what is loud stands out. */
const CONTRAST = 1.6;

/** Height of the meter, 0 to 1. */
export function meter(rms_db: number): number {
  return Math.min(1, Math.max(0, (rms_db - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB))) ** CONTRAST;
}

export type Hint = 'quiet' | 'loud' | null;

/**
 * What to tell the person: `loud` when samples hit full scale in a twentieth of the blocks, `quiet` when even
 * the loudest block is below -55 dB.
 */
export function hintOf(levels: readonly Level[]): Hint {
  if (levels.length < 10) return null;
  const clipped = levels.filter((level) => level.peak >= 0.99).length;
  if (clipped > levels.length / 20) return 'loud';
  return levels.every((level) => level.rms_db < -55) ? 'quiet' : null;
}
