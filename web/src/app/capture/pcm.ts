/** Bare samples as bytes: 16 bits, little-endian, one channel. */

/** Samples between -1 and 1 as 16-bit integers; what is beyond is cut off. */
export function pcm(blocks: readonly Float32Array[]): Int16Array<ArrayBuffer> {
  const found = new Int16Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks)
    for (const sample of block) found[at++] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
  return found;
}

/** A WAV file of them. `rate` is in samples a second. */
export function wav(samples: readonly Int16Array<ArrayBuffer>[], rate: number): Blob {
  const bytes = samples.reduce((sum, part) => sum + part.byteLength, 0);
  return new Blob([wavHead(bytes, rate), ...samples], { type: 'audio/wav' });
}

/** The 44 bytes before so many bytes of samples. */
export function wavHead(bytes: number, rate: number): DataView<ArrayBuffer> {
  const head = new DataView(new ArrayBuffer(44));
  const text = (at: number, word: string) => [...word].forEach((char, i) => head.setUint8(at + i, char.charCodeAt(0)));
  text(0, 'RIFF');
  head.setUint32(4, 36 + bytes, true);
  text(8, 'WAVEfmt ');
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true); // PCM
  head.setUint16(22, 1, true); // channels
  head.setUint32(24, rate, true);
  head.setUint32(28, rate * 2, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  text(36, 'data');
  head.setUint32(40, bytes, true);
  return head;
}
