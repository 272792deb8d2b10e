/** Why tracks sound alike, in words. Every function is pure. */

import type { AlikeTrack } from '../api/types';

/** Divergence, nats, below which two sounds count as the same. */
const SAME = 0.05;
const NAMED = 2;

/** What contributes most to the divergence: `loudness moves more (31 %), low against high moves less (12 %)`. */
export function whyWords(track: AlikeTrack): string {
  if (track.divergence < SAME) return 'The same sound';
  return track.coefficients
    .slice(0, NAMED)
    .map(({ name, nats, spread }) => {
      const moves = spread > 1.05 ? 'moves more' : spread < 0.95 ? 'moves less' : 'moves otherwise';
      return `${name} ${moves} (${Math.round((100 * nats) / track.divergence)}\u202f%)`;
    })
    .join(', ');
}

/** `closer than 97 % of pairs`, where the library is large enough to tell. */
export function closeness(track: AlikeTrack): string {
  return track.proximity === null ? '–' : `${Math.round(100 * track.proximity)}\u202f%`;
}
