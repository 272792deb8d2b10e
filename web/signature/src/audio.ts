/** Media type under which the service takes a signature. */
export const MEDIA_TYPE = 'application/vnd.earmark.signature';

/** What is used of a decoded recording, as `AudioContext.decodeAudioData` gives it. */
export interface Decoded {
  readonly numberOfChannels: number;
  readonly length: number;
  getChannelData(channel: number): Float32Array;
}

/** Mean of the channels of a decoded recording. */
export function monoOf(buffer: Decoded): Float32Array<ArrayBuffer> {
  const mono = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    buffer.getChannelData(channel).forEach((value, at) => (mono[at] = mono[at]! + value / buffer.numberOfChannels));
  }
  return mono;
}
