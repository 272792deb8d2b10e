import type { Key, Webhook } from '../api/types';
import { sentence } from '../api/problem';

const whole = new Intl.NumberFormat('en');

/** A key's own limits; empty if the settings hold for it. */
export function limitWords(key: Pick<Key, 'requests_per_minute' | 'max_tags'>): string {
  const parts = [];
  if (key.requests_per_minute !== null) parts.push(`${whole.format(key.requests_per_minute)} requests a minute`);
  if (key.max_tags !== null) parts.push(`${whole.format(key.max_tags)} tags kept`);
  return parts.length ? `At most ${parts.join(', ')}` : '';
}

/** How a webhook fares, in one or two sentences. */
export function stateWords(webhook: Pick<Webhook, 'last_answer' | 'failures' | 'dropped'>): string {
  const said =
    webhook.last_answer === null ? 'Not told of anything yet.' : sentence(`last answer: ${webhook.last_answer}`);
  const failed = webhook.failures ? ` Failed ${times(webhook.failures)} since it last took something.` : '';
  const dropped = webhook.dropped ? ` Never told of ${counted(webhook.dropped, 'event')}.` : '';
  return said + failed + dropped;
}

function times(n: number): string {
  return n === 1 ? 'once' : `${whole.format(n)} times`;
}

function counted(n: number, what: string): string {
  return n === 1 ? `one ${what}` : `${whole.format(n)} ${what}s`;
}
