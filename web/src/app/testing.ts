/** Example answers for unit tests. */

import type { Match, Segment, Tag } from './api/types';

export function match(values: Partial<Match> = {}): Match {
  return {
    track_id: 't1',
    title: 'Copper Waltz',
    artist: 'Ida Varga',
    album: null,
    source: 'copper-waltz',
    role: 'match',
    recording: 0,
    offset_s: 83.4,
    query_start_s: 0,
    query_end_s: 5,
    speed: 1,
    pitch: 0,
    agreement: 0.46,
    z: 20.5,
    log10_e_value: -84.6,
    confidence: 0.9995,
    divergence: 8.2,
    divergence_variational: 9.1,
    other_offsets_s: [],
    ids: {},
    ...values,
  };
}

export function tag(values: Partial<Tag> = {}): Tag {
  return {
    id: 'tag1',
    catalogue: 'default',
    created: '2026-03-04T20:15:00Z',
    recorded: null,
    file: null,
    device: null,
    verdict: 'identified',
    method: 'auto',
    duration_s: 5,
    matches: [match(), match({ track_id: 't2', title: 'Copper Waltz (live)', confidence: 0.4 })],
    nearest: [
      {
        track_id: 't1',
        title: 'Copper Waltz',
        artist: 'Ida Varga',
        source: 'copper-waltz',
        divergence: 8.2,
        window_start_s: 83,
      },
    ],
    searched: {
      windows: 14021,
      aligned_tracks: 21,
      complete: true,
      other_speeds: true,
      nearest_exact: true,
      share: 1,
      wide: false,
    },
    seconds: { decode: 0.03 },
    tied: { identified: 1, ambiguous: 2, no_match: 0 }[values.verdict ?? 'identified'],
    remarks: [],
    recordings: [],
    labels: {},
    ...values,
  };
}

export function segment(values: Partial<Segment> = {}): Segment {
  return {
    id: 's1',
    start_s: 0.4,
    end_s: 192,
    start_uncertainty_s: 0.3,
    end_uncertainty_s: 0.5,
    kind: 'track',
    track_id: 't1',
    title: 'Copper Waltz',
    artist: 'Ida Varga',
    album: null,
    isrc: null,
    source: 'copper-waltz',
    offset_s: 2,
    speed: 1,
    confidence: 0.9995,
    state: 'closed',
    by_hand: false,
    labels: {},
    ...values,
  };
}
