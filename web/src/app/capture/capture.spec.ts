import { barAt, BARS, DIAL, spoke } from './dial';
import { hintOf, levelOf, meter } from './level';
import { chooseMimeType, CONSTRAINTS, fileName, microphoneTrouble } from './microphone';

describe('level', () => {
  it('of a full-scale sine is -3 dB, of silence minus infinity', () => {
    const sine = Float32Array.from({ length: 4800 }, (_, index) => Math.sin((2 * Math.PI * index) / 48));
    expect(levelOf(sine).rms_db).toBeCloseTo(-3.01, 2);
    expect(levelOf(sine).peak).toBeCloseTo(1);
    expect(levelOf(new Float32Array(10))).toEqual({ rms_db: -Infinity, peak: 0 });
    expect(levelOf([]).peak).toBe(0);
  });

  it('fills the meter between its ends', () => {
    expect([-Infinity, -54, -4, 0].map(meter)).toEqual([0, 0, 1, 1]);
    const rising = [-50, -40, -30, -20, -10].map(meter);
    expect(rising).toEqual([...rising].sort((a, b) => a - b));
  });

  it('hints at clipping and at silence, not at music', () => {
    const block = (rms_db: number, peak: number) => ({ rms_db, peak });
    expect(hintOf(Array(40).fill(block(-70, 0.001)))).toBe('quiet');
    expect(hintOf(Array(40).fill(block(-20, 0.4)))).toBeNull();
    expect(hintOf([...Array(30).fill(block(-20, 0.4)), ...Array(10).fill(block(-3, 1))])).toBe('loud');
    expect(hintOf([block(-80, 0)])).toBeNull();
  });
});

describe('dial', () => {
  it('goes clockwise from twelve', () => {
    const [first, quarter] = [spoke(0, 1), spoke(BARS / 4, 1)];
    expect(first.y2).toBeLessThan(first.y1);
    expect(quarter.x2).toBeGreaterThan(quarter.x1);
    expect(Math.max(quarter.x2, spoke(BARS / 2, 1).y2)).toBeLessThanOrEqual(DIAL);
  });

  it('maps time onto bars', () => {
    expect([0, 2.5, 5, 9].map((elapsed) => barAt(elapsed, 5))).toEqual([0, BARS / 2, BARS - 1, BARS - 1]);
  });
});

describe('microphone', () => {
  it('switches every voice filter off', () => {
    expect(CONSTRAINTS.audio).toEqual({
      echoCancellation: false,
      noiseSuppression: false,
      autoGainControl: false,
      channelCount: 1,
    });
  });

  it('takes what the browser records: Opus first, then AAC, then its default', () => {
    expect(chooseMimeType(() => true)).toBe('audio/webm;codecs=opus');
    expect(chooseMimeType((type) => type.startsWith('audio/mp4'))).toBe('audio/mp4;codecs=mp4a.40.2');
    expect(chooseMimeType(() => false)).toBe('');
  });

  it('names the file after what was recorded', () => {
    expect(['audio/webm;codecs=opus', 'audio/mp4', 'audio/ogg', ''].map(fileName)).toEqual([
      'snippet.webm',
      'snippet.m4a',
      'snippet.ogg',
      'snippet.bin',
    ]);
  });

  it('says what to do about each failure', () => {
    const named = (name: string) => Object.assign(new Error(name), { name });
    expect(microphoneTrouble(named('NotAllowedError')).name).toBe('microphone_denied');
    expect(microphoneTrouble(named('NotFoundError')).name).toBe('microphone_missing');
    expect(microphoneTrouble(named('NotReadableError')).name).toBe('microphone_busy');
    expect(microphoneTrouble(named('InsecureContext')).name).toBe('microphone_insecure');
    expect(microphoneTrouble(named('Unsupported')).name).toBe('microphone_unsupported');
    expect(microphoneTrouble('odd').detail).not.toBe('');
  });
});
