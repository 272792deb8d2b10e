import { rateOf, signatureTrouble } from './signer';

describe('a recording that becomes a signature', () => {
  it('has the rate of its WAV file, and none otherwise', () => {
    const bytes = new Uint8Array(60);
    bytes.set(new TextEncoder().encode('RIFF'), 0);
    bytes.set(new TextEncoder().encode('WAVE'), 8);
    new DataView(bytes.buffer).setUint32(24, 8000, true);
    expect(rateOf(bytes.buffer)).toBe(8000);
    expect(rateOf(new Uint8Array(60).buffer)).toBe(0);
    expect(rateOf(new ArrayBuffer(3))).toBe(0);
  });

  it('or a trouble that says what to do', () => {
    const named = (name: string) => signatureTrouble(Object.assign(new Error('0.5 s of sound'), { name }));
    expect(named('snippet_too_short')).toMatchObject({ title: 'That was too short', detail: '0.5 s of sound.' });
    expect(named('EncodingError').detail).toContain('Untick');
    expect(named('RangeError')).toMatchObject({ name: 'signature_failed' });
  });
});
