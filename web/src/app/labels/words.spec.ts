import type { LabelModel, Labels, SoundTag } from '../api/types';
import { tag } from '../testing';
import {
  answerWords,
  cardWords,
  featureWords,
  heardTags,
  listed,
  livelyWords,
  mostTelling,
  reasoningOf,
  storedWith,
  weaknesses,
} from './words';

const sound = (name: string, probability: number, lift: number, group: SoundTag['group'] = 'style'): SoundTag => ({
  tag: name,
  group,
  probability,
  lift,
});

function answer(values: Partial<Labels> = {}): Labels {
  return {
    task: 'genre',
    model: 'gtzan-10',
    decision: 'certain',
    labels: ['jazz'],
    distribution: [
      { label: 'jazz', p: 0.8 },
      { label: 'rock', p: 0.2 },
    ],
    reasons: [],
    explanation: [],
    nearest: [],
    series: [],
    remarks: [],
    ...values,
  };
}

it('says the tags that are heard, by how telling they are', () => {
  const tags = [
    sound('rock', 0.2, 0.6),
    sound('jazz', 0.1, 4),
    sound('punk', 0.01, 9),
    sound('sad', 0.06, 2, 'mood and use'),
  ];
  expect(heardTags(tags).map((group) => group.tags.map((each) => each.tag))).toEqual([
    ['jazz', 'rock'],
    ['sad'],
    [],
    [],
  ]);
  expect(mostTelling(tags)).toBe('jazz and sad');
  expect(mostTelling([])).toBe('');
  expect(listed(['a', 'b', 'c'])).toBe('a, b and c');
});

it('never says that everything or nothing is calmer', () => {
  expect(livelyWords(100)).toBe('Energetic: livelier than 99 in 100 recordings of ten genres');
  expect(livelyWords(0)).toMatch('Calm: livelier than 1 in 100');
  expect(livelyWords(50)).toMatch('Neither calm nor energetic');
});

it('says what a model is sure of, and what it doubts with the reasons', () => {
  expect(answerWords(answer())).toEqual({ said: 'Jazz (80\u202f%)', doubts: [] });
  const reasons = [{ name: 'low_probability', text: 'no label reaches 57 %' }];
  expect(answerWords(answer({ decision: 'uncertain', reasons }))).toEqual({
    said: 'Uncertain. It would be jazz (80\u202f%)',
    doubts: ['No label reaches 57 %.'],
  });
  expect(answerWords(answer({ labels: [], decision: 'experimental' })).said).toBe('None of these');
  expect(answerWords(answer({ labels: ['jazz', 'rock'] })).said).toBe('Jazz and rock');
});

it('takes from an explanation what it knows', () => {
  const parts = [{ feature: 'tag.jazz', adds: 1.5 }, { feature: 7, adds: 'x' }, null];
  expect(reasoningOf(answer({ explanation: [{ label: 'jazz', parts }, { label: 3 }, {}] }))).toEqual([
    { label: 'jazz', parts: [{ feature: 'tag.jazz', adds: 1.5 }] },
  ]);
  expect(featureWords('tag.jazz')).toBe('tag “jazz”');
  expect(featureWords('all others')).toBe('everything else');
  expect(featureWords('mfcc_3')).toBe('mfcc_3');
});

describe('a card', () => {
  const model = (card: LabelModel['card']): LabelModel => ({
    task: 'genre',
    version: '1',
    active: true,
    shipped: true,
    fault: null,
    kind: 'exclusive',
    labels: ['jazz', 'rock'],
    family: 'logistic',
    view: 'tags',
    extractors: [],
    sha256: '',
    card,
  });

  it('is said in sentences', () => {
    const accuracy = { value: 0.824, low: 0.765, high: 0.874 };
    const said = cardWords(
      model({
        summary: 'Two genres.',
        data: { clips: 443, groups: 184, grouping: 'artist', licence: 'ISC' },
        honest: [{ name: 'unseen artists', figures: { accuracy, n: 290 } }],
        leaky: [{ name: 'random clips', figures: { accuracy, n: 700 } }],
        uncertain_below: 0.57,
      }),
    ).join('\n');
    expect(said).toContain('It tells jazz and rock.');
    expect(said).toContain('Trained on 443 clips by 184 groups (artist). Licence: ISC.');
    expect(said).toContain('Right for 82 in 100 (77 to 87) of 290 clips: unseen artists.');
    expect(said).toContain('For comparison only');
    const ungrouped = model({ data: { clips: 13, groups: 13, grouping: 'none' } });
    expect(cardWords(ungrouped)).toContain('Trained on 13 clips.');
    expect(said).toContain('Below 57\u202f% it says that it is uncertain.');
  });

  it('may be anything', () => {
    const odd = {
      summary: 3,
      data: [],
      honest: [null, 'x', { figures: { accuracy: { value: 'x' } } }],
      weaknesses: 'one',
    };
    expect(cardWords(model(odd))).toEqual(['It tells jazz and rock.']);
    expect(weaknesses(model(odd))).toEqual(['one']);
    expect(cardWords(model(null))).toEqual(['It tells jazz and rock.']);
    expect(weaknesses(model(null))).toEqual([]);
  });
});

it('finds what was stored with a tag, and says each error once', () => {
  expect(storedWith(tag())).toBeNull();
  const error = { error: 'weights_missing', detail: 'get them' };
  const said = storedWith(tag({ labels: { tags: error, genre: answer(), mood: error } }));
  expect(said?.errors).toEqual([{ name: 'weights_missing', message: 'get them' }]);
  expect(said?.answers.map((each) => each.task)).toEqual(['genre']);
  expect(said?.tags).toBeNull();
});
