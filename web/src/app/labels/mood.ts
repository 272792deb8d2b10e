/** How music feels: a place between calm and energetic and, where a model tells it, between sad and happy. */

import { line } from 'd3-shape';

import type { Labels, SoundTags } from '../api/types';

/** What people call pleasant and unpleasant moods (Russell's circumplex, with its quadrants), as labels of a model. */
const HAPPY =
  /^(happ(y|iness)|cheerful|joy(ful)?|positive|pleasant|bright|content(ed)?|tender|peaceful|relax(ed|ing)|q[14])$/;
const SAD =
  /^(sad(ness)?|ang(ry|er)|negative|unpleasant|dark|gloomy|melancholi[ac]l?|tense|fear(ful)?|anxious|aggressive|q[23])$/;
const NEITHER = /^neutral$/;

/** Both 0 to 100. */
export interface Felt {
  /** Share of recordings of ten genres that it is livelier than. */
  readonly arousal: number;
  /** How much rather happy than sad; null where nothing tells. */
  readonly valence: number | null;
}

export interface Song extends Felt {
  readonly name: string;
  /** A letter beside its point. */
  readonly mark: string;
  /** Whether the model of happy and sad says so itself. */
  readonly unsure: boolean;
}

export interface Moment extends Felt {
  readonly start_s: number;
  readonly end_s: number;
}

export interface MoodPlane {
  readonly size: number;
  readonly points: readonly { readonly mark: string; readonly x: number; readonly y: number }[];
  readonly path: string;
}

/** Whether labels tell happy from sad: some are either, and none is anything else. */
export function tellsValence(labels: readonly string[]): boolean {
  const kinds = labels.map((label) => kind(label));
  return kinds.includes(1) && kinds.includes(0) && !kinds.includes(null);
}

/** Of the labels' probabilities, the part of the pleasant ones; null where the labels are not about that. */
export function valenceOf(distribution: Labels['distribution']): number | null {
  if (!tellsValence(distribution.map((item) => item.label))) return null;
  const all = distribution.reduce((sum, item) => sum + item.p, 0);
  return all ? (100 * distribution.reduce((sum, item) => sum + item.p * kind(item.label)!, 0)) / all : null;
}

/** Of what models say, the answer that tells happy from sad. */
export function valenceAnswer(answers: readonly Labels[]): Labels | undefined {
  return answers.find((answer) => valenceOf(answer.distribution) !== null);
}

export function songMood(name: string, mark: string, tags: SoundTags, answers: readonly Labels[]): Song {
  const answer = valenceAnswer(answers);
  const valence = answer ? valenceOf(answer.distribution) : null;
  return { name, mark, arousal: tags.arousal.percentile, valence, unsure: answer?.decision === 'uncertain' };
}

/** The stretches of a recording for which both are known. */
export function moodMoments(tags: SoundTags, answers: readonly Labels[]): Moment[] {
  const parts = (valenceAnswer(answers)?.series ?? []) as unknown as LabelStretch[];
  return tags.series.flatMap(({ start_s, end_s, arousal }) => {
    const middle = (start_s + end_s) / 2;
    const part = parts.find((one) => one.start_s <= middle && middle < one.end_s);
    const valence = part ? valenceOf(part.distribution) : null;
    return valence === null ? [] : [{ start_s, end_s, arousal: arousal.percentile, valence }];
  });
}

/** The plane in a square of so many pixels: energetic is up, happy is right. */
export function moodPlane(songs: readonly Song[], moments: readonly Felt[], size: number): MoodPlane {
  const place = ({ arousal, valence }: Felt): [number, number] => [
    Math.round(10 + ((size - 20) * (valence ?? 0)) / 100),
    Math.round(10 + ((size - 20) * (100 - arousal)) / 100),
  ];
  const placed = songs.filter((song) => song.valence !== null);
  return {
    size,
    points: placed.map((song) => ({ mark: song.mark, x: place(song)[0], y: place(song)[1] })),
    path: line()(moments.map(place)) ?? '',
  };
}

/** Happy, sad or neither; nothing where nothing tells. */
export function valenceWords({ valence, unsure }: Pick<Song, 'valence' | 'unsure'>): string {
  if (valence === null) return '';
  const word = valence < 40 ? 'rather sad' : valence > 60 ? 'rather happy' : 'neither sad nor happy';
  return `; ${word} (${Math.round(valence)} of 100${unsure ? ', uncertain' : ''})`;
}

interface LabelStretch {
  readonly start_s: number;
  readonly end_s: number;
  readonly distribution: Labels['distribution'];
}

function kind(label: string): number | null {
  const word = label.trim().toLowerCase();
  return HAPPY.test(word) ? 1 : SAD.test(word) ? 0 : NEITHER.test(word) ? 0.5 : null;
}
