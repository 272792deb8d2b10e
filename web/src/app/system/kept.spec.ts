import type { Me } from '../api/types';
import { keptFacts } from './kept';

const limits = (values: Partial<Me['limits']>) =>
  ({ keep_days: 0, tag_days: 0, max_tags: null, ...values }) as Me['limits'];
const textOf = (what: string, values: Partial<Me['limits']>) =>
  keptFacts(limits(values)).find((fact) => fact.what.startsWith(what))?.text;

it('says how long tags and recordings stay', () => {
  expect(textOf('Tags', {})).toBe('Until somebody deletes them.');
  expect(textOf('Tags', { tag_days: 30 })).toBe('Deleted 30 days after they were made.');
  expect(textOf('Recordings', {})).toContain('Never kept');
  expect(textOf('Recordings', { keep_days: 1 })).toContain('then for 1 day.');
  expect(textOf('Recordings', { keep_days: 0.5 })).toContain('0.5 days');
});

it('says how many tags a key may have where it is limited, and nothing before that is known', () => {
  expect(keptFacts(limits({})).map((fact) => fact.what)).not.toContain('Tags of this key');
  expect(textOf('Tags of this key', { max_tags: 10_000 })).toMatch(/10.000 at most/);
  expect(keptFacts(undefined)).toEqual([]);
});
