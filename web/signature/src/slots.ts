import { matrix, rint, row, type Matrix } from './arrays';
import { deltaMfcc } from './features';
import { windowFrames } from './mixtures';
import { BACKGROUND, CONFIG } from './parameters';

export const PHASES = 2;
/** Integer steps in a unit of the scaled means. */
const STEPS = 12;

/** Mean derivative of each slot of 120 ms, in two phases: whole numbers within +-127, a row for each slot. */
export function slots(mel: Matrix): Matrix[] {
  const deltas = slotDeltas(mel);
  const length = slotFrames();
  const phases = Array.from({ length: PHASES }, (_, phase) => Math.floor((phase * length) / PHASES));
  const count = Math.min(...phases.map((first) => Math.floor(Math.max(0, deltas.rows - first) / length)));
  return phases.map((first) => {
    const out = matrix(count, CONFIG.slot_mfcc);
    for (let slot = 0; slot < count; slot++) {
      const means = row(out, slot);
      for (let k = 0; k < means.length; k++) {
        let sum = 0;
        for (let frame = 0; frame < length; frame++) sum += row(deltas, first + slot * length + frame)[k]!;
        const steps = rint((sum / length / BACKGROUND.slot_scale[k]!) * STEPS);
        means[k] = Math.min(127, Math.max(-127, steps));
      }
    }
    return out;
  });
}

export function slotFrames(): number {
  return Math.round((CONFIG.slot_length * CONFIG.sample_rate) / CONFIG.frame_step);
}

/** Derivatives with a floor that moves with time: the mean over the frames within half a window to either side. */
function slotDeltas(mel: Matrix): Matrix {
  if (mel.rows <= 2 * CONFIG.slot_half_length) return matrix(0, CONFIG.slot_mfcc);
  const reach = Math.floor(windowFrames() / 2);
  const sums = matrix(mel.rows + 1, mel.columns);
  for (let at = 0; at < mel.values.length; at++) sums.values[at + mel.columns] = sums.values[at]! + mel.values[at]!;
  const floor = (frame: number, band: number) => {
    const low = Math.max(0, frame - reach);
    const high = Math.min(mel.rows, frame + reach + 1);
    return (sums.values[high * mel.columns + band]! - sums.values[low * mel.columns + band]!) / (high - low);
  };
  return deltaMfcc(mel, 0, mel.rows, CONFIG.slot_half_length, CONFIG.slot_mfcc, floor);
}
