import { describe, expect, it } from 'vitest';

import type { AlikeTrack } from '../api/types';
import { closeness, whyWords } from './alike';

const TRACK: AlikeTrack = {
  track_id: 't',
  title: 'T',
  artist: null,
  source: 't',
  divergence: 4,
  proximity: 0.97,
  coefficients: [
    { coefficient: 0, name: 'loudness', nats: 2, spread: 1.4 },
    { coefficient: 1, name: 'low against high', nats: 1, spread: 0.7 },
    { coefficient: 2, name: 'middle against both ends', nats: 1, spread: 1 },
  ],
};

describe('alike', () => {
  it('names what differs most', () => {
    expect(whyWords(TRACK)).toBe('loudness moves more (50\u202f%), low against high moves less (25\u202f%)');
    expect(whyWords({ ...TRACK, coefficients: TRACK.coefficients.slice(2) })).toContain('moves otherwise');
    expect(whyWords({ ...TRACK, divergence: 0.01 })).toBe('The same sound');
  });

  it('says how close only where that is known', () => {
    expect(closeness(TRACK)).toBe('97\u202f%');
    expect(closeness({ ...TRACK, proximity: null })).toBe('–');
  });
});
