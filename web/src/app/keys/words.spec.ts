import { describe, expect, it } from 'vitest';

import { limitWords, stateWords } from './words';

describe('limitWords', () => {
  it('names the limits that a key has of its own', () => {
    expect(limitWords({ requests_per_minute: null, max_tags: null })).toBe('');
    expect(limitWords({ requests_per_minute: 6000, max_tags: null })).toBe('At most 6,000 requests a minute');
    expect(limitWords({ requests_per_minute: 60, max_tags: 5 })).toBe('At most 60 requests a minute, 5 tags kept');
  });
});

describe('stateWords', () => {
  it('says what came of the last event, and of how many nothing came', () => {
    expect(stateWords({ last_answer: null, failures: 0, dropped: 0 })).toBe('Not told of anything yet.');
    expect(stateWords({ last_answer: '204 No Content', failures: 0, dropped: 0 })).toBe('Last answer: 204 No Content.');
    expect(stateWords({ last_answer: 'it did not answer in time', failures: 1, dropped: 2 })).toBe(
      'Last answer: it did not answer in time. Failed once since it last took something. Never told of 2 events.',
    );
    expect(stateWords({ last_answer: '500', failures: 1200, dropped: 1 })).toContain('Failed 1,200 times');
    expect(stateWords({ last_answer: '500', failures: 3, dropped: 1 })).toContain('Never told of one event.');
  });
});
