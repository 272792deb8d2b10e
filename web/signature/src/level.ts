/** Level of the loudest 100 ms: root mean square about its mean, full scale 1. */
export function loudest(samples: Float32Array, rate_hz: number): number {
  const size = Math.round(rate_hz / 10);
  const blocks = Math.max(1, Math.floor(samples.length / size));
  let highest = 0;
  for (let block = 0; block < blocks && samples.length > 0; block++) {
    const part = blocks === 1 && samples.length < size ? samples : samples.subarray(block * size, (block + 1) * size);
    let sum = 0;
    for (const value of part) sum += value;
    const mean = sum / part.length;
    let squares = 0;
    for (const value of part) squares += (value - mean) ** 2;
    highest = Math.max(highest, Math.sqrt(squares / part.length));
  }
  return highest;
}

/** Quantisation step of 16 bits: a recording whose loudest 100 ms are below it is silent. */
export const SILENT = 2 ** -15;
/** A recording whose loudest 100 ms are below this is doubled until they reach it. */
const WORKING_LEVEL = 2 ** -8;

/** The recording at a working level. */
export function levelled(samples: Float32Array, level: number): Float32Array {
  if (level >= WORKING_LEVEL || level <= 0) return samples;
  const gain = 2 ** Math.ceil(Math.log2(WORKING_LEVEL / level));
  return samples.map((value) => value * gain);
}
