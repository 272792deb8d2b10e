import { match, tag } from '../testing';
import { chosen, verdictSentence } from './verdict';

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');

it('reads out name, place and confidence', () => {
  expect(plain(verdictSentence(tag()))).toBe(
    'Copper Waltz by Ida Varga, 1:23 into the track. Almost certain, > 99.9 %.',
  );
});

it('says both names when two fit', () => {
  expect(verdictSentence(tag({ verdict: 'ambiguous' }))).toContain(
    'Copper Waltz by Ida Varga, or Copper Waltz (live) by Ida Varga',
  );
});

it('never names a candidate that was not good enough', () => {
  const unknown = tag({ verdict: 'no_match' });
  expect(chosen(unknown)).toEqual([]);
  expect(verdictSentence(unknown)).not.toContain('Waltz');
});

it('does without what divergence alone cannot tell', () => {
  const bare = match({ offset_s: null, confidence: null, artist: null });
  expect(verdictSentence(tag({ matches: [bare] }))).toBe('Copper Waltz.');
});
