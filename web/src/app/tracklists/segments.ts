/** Segments of a tracklist in words, and what a person may say of them. */

import { named } from '../capture/verdict';
import type { ExportFormat, Segment, SegmentEdit, SegmentKind, TracklistEntry } from '../api/types';
import { wordsFor } from '../api/words';
import { clock, confidenceWords, percent } from '../ui/format';

export const KIND_WORDS: Readonly<Record<SegmentKind, string>> = {
  track: 'A track',
  unknown: 'Unknown music',
  speech_noise: 'Speech or noise',
  silence: 'Silence',
};

/** Formats of a tracklist: what each is for, and the ending of its file. */
export const EXPORTS: Readonly<Record<ExportFormat, { readonly name: string; readonly ending: string }>> = {
  cue: { name: 'Cue sheet', ending: 'cue' },
  audacity: { name: 'Audacity labels', ending: 'txt' },
  csv: { name: 'Table (CSV)', ending: 'csv' },
  jspf: { name: 'Playlist (JSPF)', ending: 'jspf' },
  webvtt: { name: 'Chapters (WebVTT)', ending: 'vtt' },
  json: { name: 'JSON', ending: 'json' },
};

/** `Copper Waltz by Ida Varga`, or what else sounds there. */
export function segmentName(segment: Segment): string {
  if (segment.kind !== 'track') return KIND_WORDS[segment.kind];
  return named({ title: segment.title ?? segment.source ?? 'A track without a title', artist: segment.artist });
}

/** `0:00–3:12`. */
export function span(segment: { readonly start_s: number; readonly end_s: number }): string {
  return `${clock(segment.start_s)}–${clock(segment.end_s)}`;
}

/** How sure it is, in words and as a number; of what a person set, that. */
export function sureWords(segment: Segment): string {
  if (segment.by_hand) return 'Corrected by hand';
  const words = `${confidenceWords(segment.confidence)} (${percent(segment.confidence)})`;
  return segment.state === 'perhaps' ? `Not decided yet: ${words.toLowerCase()}` : words;
}

/** How far a tracklist is, and what is in it that people set. */
export function statusWords(entry: TracklistEntry): string {
  if (entry.status === 'failed') return wordsFor(entry.error?.name ?? '')?.title ?? 'It could not be listened to';
  const heard = clock(entry.duration_s);
  const length = entry.status === 'running' ? `Listening, ${heard} so far` : heard;
  return entry.corrected ? `${length} · ${entry.corrected} corrected by hand` : length;
}

/** `1:02:03.4`, `62:03`, `3723.4` or `3723,4` as seconds; null for anything else. */
export function secondsOf(text: string): number | null {
  const found = /^(?:(?:(\d+):)?(\d+):)?(\d+(?:[.,]\d+)?)$/.exec(text.trim());
  if (!found) return null;
  const [hours, minutes, seconds] = [found[1], found[2], found[3]!.replace(',', '.')].map((part) => Number(part ?? 0));
  if (found[2] !== undefined && seconds! >= 60) return null;
  if (found[1] !== undefined && minutes! >= 60) return null;
  return hours! * 3600 + minutes! * 60 + seconds!;
}

/** What a person entered in the form. */
export interface Entered {
  readonly kind: SegmentKind;
  /** A track of the library, instead of names. */
  readonly track_id: string | null;
  readonly title: string;
  readonly artist: string;
  readonly album: string;
  readonly start: string;
  readonly end: string;
}

/** The form as it opens. */
export function enteredOf(segment: Segment): Entered {
  return {
    kind: segment.kind,
    track_id: segment.track_id,
    title: segment.title ?? '',
    artist: segment.artist ?? '',
    album: segment.album ?? '',
    start: clock(segment.start_s, 1),
    end: clock(segment.end_s, 1),
  };
}

/** What differs from the segment, as the service takes it; or what is wrong, in a sentence. */
export function editOf(segment: Segment, entered: Entered): Partial<SegmentEdit> | string {
  const before = enteredOf(segment);
  const edit: { -readonly [name in keyof SegmentEdit]?: SegmentEdit[name] } = {};
  if (entered.kind !== before.kind) edit.kind = entered.kind;
  if (entered.kind === 'track') {
    const isOther = entered.track_id !== null && entered.track_id !== before.track_id;
    const names = ['title', 'artist', 'album'] as const;
    const isRenamed = names.some((name) => entered[name].trim() !== before[name]);
    if (isOther) edit.track_id = entered.track_id;
    else if (isRenamed || entered.track_id !== before.track_id) {
      if (!entered.title.trim()) return 'Enter a title, or choose a track of the library.';
      for (const name of names) edit[name] = entered[name].trim() || null;
    } else if (edit.kind) return 'Enter a title, or choose a track of the library.';
  }
  for (const [name, field] of [
    ['start_s', 'start'],
    ['end_s', 'end'],
  ] as const) {
    if (entered[field].trim() === before[field]) continue;
    const seconds = secondsOf(entered[field]);
    if (seconds === null) return `“${entered[field]}” is no time: write it as 1:02:03 or 2:03.5.`;
    edit[name] = seconds;
  }
  if ((edit.start_s ?? segment.start_s) >= (edit.end_s ?? segment.end_s)) return 'It has to end after it begins.';
  return edit;
}

/** The edit that makes a segment again what a person had set it to. */
export function asCorrected(segment: Segment): Partial<SegmentEdit> {
  const { kind, track_id, title, artist, album, isrc, start_s, end_s } = segment;
  const names = track_id ? { track_id } : { title, artist, album, isrc };
  return { kind, start_s, end_s, ...(kind === 'track' && names) };
}
