import { match, tag } from '../testing';
import { chosen, named, parts, remarkSentences, tiedWords, titles, verdictSentence, works } from './verdict';

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');

it('reads out name, place and confidence', () => {
  expect(plain(verdictSentence(tag()))).toBe(
    'Copper Waltz by Ida Varga, 1:23 into the track. Almost certain, > 99.9 %.',
  );
});

it('keeps names from right to left together', () => {
  const rtl = match({ title: 'أغنية 2', artist: 'فيروز' });
  expect(named(rtl)).toBe('\u2068أغنية 2\u2069 by \u2068فيروز\u2069');
  expect(named(match())).toBe('Copper Waltz by Ida Varga');
  expect(titles(tag({ matches: [rtl] }))).toBe('أغنية 2');
  const other = match({ track_id: 'b', title: 'Waltz' });
  expect(titles(tag({ verdict: 'ambiguous', tied: 2, matches: [rtl, other] }))).toBe('\u2068أغنية 2\u2069 or Waltz');
});

it('says both names when two fit', () => {
  expect(verdictSentence(tag({ verdict: 'ambiguous' }))).toContain(
    'Copper Waltz by Ida Varga, or Copper Waltz (live) by Ida Varga',
  );
});

it('says all that tie, and how many', () => {
  const matches = ['A', 'B', 'C', 'D', 'E'].map((title) => match({ track_id: title, title, artist: null }));
  const five = tag({ verdict: 'ambiguous', matches, tied: 5 });
  expect(chosen(five)).toHaveLength(5);
  expect(tiedWords(five)).toBe('Five');
  expect(titles(five)).toBe('A or 4 others');
  expect(verdictSentence(five)).toBe('Ambiguous: A, or B, or C, or D, or E; all fit equally well.');
  expect(titles(tag({ verdict: 'ambiguous', matches, tied: 3 }))).toBe('A, B or C');
  expect(titles(tag({ verdict: 'ambiguous', matches, tied: 2 }))).toBe('A or B');
});

it('puts copies of one name together, however it is written', () => {
  const matches = [match(), match({ title: 'COPPER WALTZ' }), match({ artist: 'Ida Varga Trio' })];
  expect(works(tag({ verdict: 'ambiguous', matches, tied: 3 })).map((work) => work.copies.length)).toEqual([2, 1]);
  const copies = tag({ verdict: 'ambiguous', matches, tied: 2 });
  expect(titles(copies)).toBe('Copper Waltz');
  expect(verdictSentence(copies)).toBe('Copper Waltz by Ida Varga: two tracks are this recording.');
});

it('does not guess how many tie where an old tag does not know', () => {
  const old = tag({ verdict: 'ambiguous', tied: null });
  expect(chosen(old)).toHaveLength(2);
  expect(tiedWords(old)).toBe('Several');
});

it('names a part once, however many tracks are copies of it', () => {
  const jingle = { title: 'A jingle', artist: null, role: 'part', recording: 1, query_end_s: 2 } as const;
  const matches = [match(), match(jingle), match({ ...jingle, source: 'copy' }), match({ ...jingle, recording: 2 })];
  expect(parts(tag({ matches }))).toEqual(['A jingle (0:00 to 0:02)', 'A jingle (0:00 to 0:02)']);
  expect(parts(tag())).toEqual([]);
});

it('says remarks without their names', () => {
  expect(remarkSentences(['cut_off: the end is missing: 2 s', 'odd'])).toEqual(['The end is missing: 2 s.', 'Odd.']);
});

it('says in the words of this page why there are no labels', () => {
  const failed =
    'not_labelled: the segments have no labels (weights_missing): the weights of x are not on this machine';
  expect(remarkSentences([failed])).toEqual([
    'The segments have no labels. The network for tags is not installed. Whoever runs the service gets it with: earmark models get musicnn-msd.',
  ]);
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
