import type { KeptLabels } from '../api/types';
import { segment } from '../testing';
import { cellWords, soundName, soundWords, tasksOf } from './sounds';

const kept = (decision: KeptLabels['decision'], labels: string[], ...shares: [string, number][]): KeptLabels => ({
  ...{ model: '1', sha256: 'x', at: '2026-03-04T20:15:00Z', decision, labels },
  distribution: shares.map(([label, p]) => ({ label, p })),
});
const tags = kept(null, ['jazz', 'piano', 'slow', 'female vocalist'], ['jazz', 0.624], ['slow', 0.31]);
const genre = kept('certain', ['jazz'], ['jazz', 0.73], ['blues', 0.2]);
const mood = kept('experimental', ['calm'], ['calm', 0.8], ['energetic', 0.2]);
const words = (labels: Record<string, KeptLabels>) => soundWords(segment({ labels })).replace(/\u202f/g, ' ');

it('says the most telling tags and each answer, with its share where that is a probability', () => {
  expect(words({ tags, genre, mood })).toBe('Like jazz, piano and slow · Genre: jazz (73 %) · Mood: calm');
  expect(words({ genre: kept('uncertain', ['pop'], ['pop', 0.41]) })).toBe('Genre: perhaps pop (41 %)');
  expect(words({ use: kept('certain', ['dance', 'party'], ['dance', 0.9], ['party', 0.8]) })).toBe(
    'Use: dance and party',
  );
});

it('says nothing where models said nothing', () => {
  expect(words({})).toBe('');
  expect(words({ mood: kept('experimental', []) })).toBe('');
  expect(soundName(segment())).toBe('');
});

it('has few words for a lane, and all with their shares for a table', () => {
  expect(soundName(segment({ labels: { genre, tags } }))).toBe('jazz, piano, slow');
  expect(soundName(segment({ labels: { mood } }))).toBe('calm');
  const both = [segment({ labels: { tags, mood: kept('experimental', []) } }), segment({ labels: { genre } })];
  expect(tasksOf(both)).toEqual(['tags', 'genre']);
  expect(cellWords(both[0]!, 'tags').replace(/\u202f/g, ' ')).toBe('jazz 62 %, piano, slow 31 %, female vocalist');
  expect(cellWords(both[1]!, 'tags')).toBe('–');
});
