import { pcm, wav, wavHead } from './pcm';

it('cuts off what is beyond full scale', () => {
  const samples = pcm([Float32Array.of(0, 0.5, -0.5), Float32Array.of(1, -1, 2, -2)]);
  expect([...samples]).toEqual([0, 16384, -16384, 32767, -32768, 32767, -32768]);
});

it('writes the head of a WAV file, which says its length and rate', () => {
  const head = wavHead(6, 16_000);
  const word = (at: number) => String.fromCharCode(...[0, 1, 2, 3].map((i) => head.getUint8(at + i)));
  expect([word(0), word(8), word(12), word(36)]).toEqual(['RIFF', 'WAVE', 'fmt ', 'data']);
  expect([head.byteLength, head.getUint32(4, true), head.getUint32(40, true)]).toEqual([44, 42, 6]);
  expect([head.getUint32(24, true), head.getUint32(28, true), head.getUint16(34, true)]).toEqual([16_000, 32_000, 16]);
  expect(wav([Int16Array.of(1, -2), Int16Array.of(3)], 16_000).size).toBe(44 + 6);
});
