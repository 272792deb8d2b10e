/** Signatures of recorded music: what Earmark needs to name it, computed where it was recorded. */

export { MEDIA_TYPE, monoOf } from './audio';
import { fingerprint } from './fingerprint';
import { melPower } from './features';
import { encode } from './format';
import { levelled, loudest, SILENT } from './level';
import { windowMixtures } from './mixtures';
import { CONFIG } from './parameters';
import { resample } from './resample';
import { slots } from './slots';

/** Least seconds of sound. */
export const LEAST_S = 1;
/** Share of a recording's rate that its bandwidth is at most. */
const BANDWIDTH = 0.46;

/** Why there is no signature; `name` is that of the service's error for the same sound. */
export class SignatureError extends Error {
  constructor(
    override readonly name: 'snippet_silent' | 'snippet_too_short' | 'invalid_parameter',
    message: string,
  ) {
    super(message);
  }
}

/**
 * Signature of a recording: 8 kB for five seconds. No sound can be made from it.
 *
 * @param samples mono, full scale +-1
 * @param sampleRate samples a second, a whole number from 8,000 to 192,000
 * @param bandwidth_hz highest frequency that the recording can hold, if it was made at a lower rate than `sampleRate`
 */
export function signatureOf(
  samples: Float32Array,
  sampleRate: number,
  bandwidth_hz: number = BANDWIDTH * sampleRate,
): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(sampleRate) || sampleRate < 4000 || sampleRate > 192_000) {
    throw new SignatureError('invalid_parameter', `sampleRate is ${sampleRate}: it must be from 4,000 to 192,000`);
  }
  if (!samples.every(Number.isFinite)) {
    throw new SignatureError('invalid_parameter', 'samples hold values that are not finite');
  }
  const sound = resample(samples, sampleRate, CONFIG.sample_rate);
  if (sound.length < LEAST_S * CONFIG.sample_rate) {
    const seconds = (sound.length / CONFIG.sample_rate).toFixed(2);
    throw new SignatureError('snippet_too_short', `${seconds} s of sound; at least ${LEAST_S} s are needed`);
  }
  const level = loudest(sound, CONFIG.sample_rate);
  if (level < SILENT) throw new SignatureError('snippet_silent', 'the recording is silent');
  const heard = levelled(sound, level);
  const mel = melPower(heard);
  return encode({
    n_samples: heard.length,
    fingerprint: fingerprint(heard, bandwidth_hz),
    slots: slots(mel),
    windows: windowMixtures(mel),
  }) as Uint8Array<ArrayBuffer>;
}
