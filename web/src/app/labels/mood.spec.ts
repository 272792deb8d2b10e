import type { Labels, SoundTags } from '../api/types';
import { moodMoments, moodPlane, songMood, tellsValence, valenceOf, valenceWords } from './mood';

const felt = (shares: Record<string, number>) => Object.entries(shares).map(([label, p]) => ({ label, p }));
const answer = (shares: Record<string, number>, series: unknown[] = []) =>
  ({ task: 'mood', distribution: felt(shares), series }) as unknown as Labels;
const tags = {
  arousal: { percentile: 80 },
  series: [
    { start_s: 0, end_s: 5, arousal: { percentile: 60 } },
    { start_s: 5, end_s: 8, arousal: { percentile: 90 } },
  ],
} as unknown as SoundTags;

it('knows a model of happy and sad by its labels', () => {
  expect(tellsValence(['Happy', 'sad'])).toBe(true);
  expect(tellsValence(['positive', 'neutral', 'negative'])).toBe(true);
  expect(tellsValence(['happy', 'angry', 'sad', 'relaxed'])).toBe(true);
  expect(tellsValence(['q1', 'q2', 'q3', 'q4'])).toBe(true);
  expect(tellsValence(['calm', 'energetic'])).toBe(false);
  expect(tellsValence(['happy', 'jazz', 'sad'])).toBe(false);
  expect(tellsValence(['happy', 'cheerful'])).toBe(false);
});

it('is the share of the pleasant labels, whether or not all add up to one', () => {
  expect(valenceOf(felt({ happy: 0.5, angry: 0.2, sad: 0.1, relaxed: 0.2 }))).toBeCloseTo(70);
  expect(valenceOf(felt({ happy: 0.9, sad: 0.9 }))).toBeCloseTo(50);
  expect(valenceOf(felt({ positive: 0.2, neutral: 0.6, negative: 0.2 }))).toBeCloseTo(50);
  expect(valenceOf(felt({ jazz: 1, folk: 0 }))).toBeNull();
});

it('takes calm or energetic from the tags, happy or sad from the model that tells it', () => {
  const genre = answer({ jazz: 1, folk: 0 });
  expect(songMood('a', 'A', tags, [genre])).toMatchObject({ arousal: 80, valence: null });
  expect(songMood('a', 'A', tags, [genre, answer({ happy: 1, sad: 0 })])).toMatchObject({ arousal: 80, valence: 100 });
});

it('joins the stretches of both by their time, and leaves out what only one has', () => {
  const series = [{ start_s: 4, end_s: 8, distribution: felt({ happy: 0.25, sad: 0.75 }) }];
  expect(moodMoments(tags, [answer({ happy: 1, sad: 0 }, series)])).toEqual([
    { start_s: 5, end_s: 8, arousal: 90, valence: 25 },
  ]);
  expect(moodMoments(tags, [answer({ jazz: 1 }, series)])).toEqual([]);
});

it('draws energetic above calm and happy right of sad, inside the square', () => {
  const song = (mark: string, arousal: number, valence: number | null) => ({
    name: mark,
    mark,
    arousal,
    valence,
    unsure: false,
  });
  const plane = moodPlane([song('A', 0, 0), song('B', 100, 100), song('C', 50, null)], [], 220);
  expect(plane.points).toEqual([
    { mark: 'A', x: 10, y: 210 },
    { mark: 'B', x: 210, y: 10 },
  ]);
  expect(moodPlane([], [song('', 50, 0), song('', 50, 100)], 220).path).toBe('M10,110L210,110');
});

it('says so in words', () => {
  expect(valenceWords({ valence: 12, unsure: true })).toBe('; rather sad (12 of 100, uncertain)');
  expect(valenceWords({ valence: 50, unsure: false })).toBe('; neither sad nor happy (50 of 100)');
  expect(valenceWords({ valence: null, unsure: false })).toBe('');
});
