import { effect, inject, Injectable } from '@angular/core';

import { MEDIA_TYPE, monoOf } from '../../../signature/src/audio';
import { OFFLINE, sentence, type Trouble } from '../api/problem';
import { wordsFor } from '../api/words';
import { Privacy } from './privacy';
import type { Asked, Signed } from './signing';

/** Rate at which recordings are decoded: that of most microphones. */
const RATE = 48_000;
/** Share of a recording's rate that its bandwidth is at most. */
const BANDWIDTH = 0.46;

/** Turns recordings into signatures: decoded by the browser, computed in a worker of their own. */
@Injectable({ providedIn: 'root' })
export class Signer {
  private worker: Worker | null = null;
  private asked = 0;
  private readonly waiting = new Map<number, (signed: Signed) => void>();

  constructor() {
    // Opened as soon as it will be needed: there may be no connection then.
    const privacy = inject(Privacy);
    effect(() => {
      if (privacy.keepSound()) this.open();
    });
  }

  /** The signature of a recording; rejects with an error that `signatureTrouble` explains. */
  async sign(recording: Blob): Promise<Blob> {
    const bytes = await recording.arrayBuffer();
    const rate = rateOf(bytes);
    const buffer = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
    const samples = monoOf(buffer);
    const id = ++this.asked;
    const signed = await new Promise<Signed>((resolve, reject) => {
      this.waiting.set(id, resolve);
      const asked: Asked = { id, samples, rate: buffer.sampleRate, ...(rate && { bandwidth_hz: BANDWIDTH * rate }) };
      this.open(reject).postMessage(asked, [samples.buffer]);
    });
    if ('signature' in signed) return new Blob([signed.signature], { type: MEDIA_TYPE });
    throw Object.assign(new Error(signed.message), { name: signed.name });
  }

  private open(failed: (error: Error) => void = () => undefined): Worker {
    if (!this.worker) {
      this.worker = new Worker(new URL('./signature.worker', import.meta.url), { type: 'module' });
      this.worker.onmessage = ({ data }: MessageEvent<Signed>) => {
        this.waiting.get(data.id)?.(data);
        this.waiting.delete(data.id);
      };
    }
    this.worker.onerror = (event) => {
      this.worker = null;
      // Without words, its program could not be fetched.
      failed(Object.assign(new Error(event.message), { name: event.message ? 'Error' : OFFLINE.name }));
    };
    return this.worker;
  }
}

/** Rate of a WAV file, of which decoding leaves nothing; 0 of anything else. */
export function rateOf(bytes: ArrayBuffer): number {
  const view = new DataView(bytes);
  const isWav = bytes.byteLength > 44 && view.getUint32(0) === 0x52494646 && view.getUint32(8) === 0x57415645;
  return isWav ? view.getUint32(24, true) : 0;
}

/** Why there is no signature, and what the person can do. */
export function signatureTrouble(error: unknown): Trouble {
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  if (name === OFFLINE.name) return OFFLINE;
  const words = wordsFor(name);
  if (words) return { name, title: words.title, detail: words.detail ?? sentence(message) };
  if (name === 'EncodingError' || name === 'NotSupportedError') {
    return {
      name: 'decode_unsupported',
      title: 'This browser cannot read this recording',
      detail: 'Only the service could. Untick “Keep the sound on this device” to let it, or choose another recording.',
    };
  }
  return {
    name: 'signature_failed',
    title: 'The signature could not be computed here',
    detail: `Nothing was sent. Untick “Keep the sound on this device” to send the sound. (${message})`,
  };
}
