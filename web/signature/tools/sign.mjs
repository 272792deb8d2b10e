// Signatures of mono WAV files of 16 bits, beside them under .sig: node tools/sign.mjs FILE.wav...
// Build the module first: npm run build.
import { readFileSync, writeFileSync } from 'node:fs';

import { signatureOf } from '../dist/earmark-signature.js';

for (const path of process.argv.slice(2)) {
  const bytes = readFileSync(path);
  const [format, channels, rate, bits] = [20, 22, 24, 34].map((at) =>
    at === 24 ? bytes.readUInt32LE(at) : bytes.readUInt16LE(at),
  );
  if (bytes.toString('latin1', 36, 40) !== 'data' || format !== 1 || channels !== 1 || bits !== 16) {
    throw new Error(`${path} is no mono WAV file of 16 bits`);
  }
  const length = (bytes.length - 44) / 2;
  const samples = Float32Array.from({ length }, (_, at) => bytes.readInt16LE(44 + 2 * at) / 32768);
  writeFileSync(path.replace(/(\.wav)?$/, '.sig'), signatureOf(samples, rate));
}
