import { describe, expect, it } from 'vitest';

import type { CatalogueParameter, Cost } from '../api/types';
import { bounds, changed, costWords, fault, syncedFrom, textsOf } from './parameters';

const RATE: CatalogueParameter = {
  name: 'sample_rate',
  synced_fm: 'audio_freq',
  kind: 'whole',
  default: 16000,
  low: 8000,
  high: 48000,
  choices: null,
  help: 'samples a second',
};

describe('parameters', () => {
  const start = { sample_rate: 16000, window_step: 1, covariance_type: 'full' };

  it('sends only what was changed, as numbers where there were numbers', () => {
    expect(changed(textsOf(start), start)).toEqual({});
    expect(changed({ ...textsOf(start), window_step: ' 0.5', covariance_type: 'diag' }, start)).toEqual({
      window_step: 0.5,
      covariance_type: 'diag',
    });
    expect(changed({ ...textsOf(start), sample_rate: 'fast' }, start)).toEqual({ sample_rate: 'fast' });
  });

  it('names the bounds of what is out of them', () => {
    expect(fault(RATE, '16000')).toBe('');
    expect(fault(RATE, '')).toBe('A number is needed.');
    expect(fault(RATE, '16000.5')).toBe('A whole number is needed.');
    expect(fault(RATE, '4000')).toBe(`${bounds(RATE)}.`);
    expect(fault({ ...RATE, kind: 'choice', choices: ['full'] }, 'full')).toBe('');
  });

  it('says what music costs', () => {
    const cost = { windows: 3596, bytes: 9_500_000, seconds: 130, config: { window_length: 5, window_step: 1 } };
    const said = costWords({ ...cost, music_s: 3600, own_background: false } as Cost, 1);
    expect(said.replaceAll('\u202f', ' ')).toBe(
      'Windows of 5 s, one every 1 s. 1 hour of music: 3 596 windows, about 9.5 MB, 2 min of one processor to model.',
    );
  });

  it('reads the JSON of Synced.fm', () => {
    expect(syncedFrom('{"mfcc_step_size": 160}')).toEqual({ mfcc_step_size: 160 });
    expect(() => syncedFrom('[1]')).toThrow('no JSON object');
    expect(() => syncedFrom('{')).toThrow('no JSON.');
  });
});
