/// <reference lib="webworker" />

import { signatureOf } from '../../../signature/src/index';
import type { Asked, Signed } from './signing';

addEventListener('message', ({ data }: MessageEvent<Asked>) => {
  const answer = (signed: Signed) => postMessage(signed);
  try {
    answer({ id: data.id, signature: signatureOf(data.samples, data.rate, data.bandwidth_hz) });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    answer({ id: data.id, name, message });
  }
});
