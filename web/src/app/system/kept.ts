/** What the service keeps, and for how long, in sentences. */

import type { Me } from '../api/types';
import { count } from '../ui/format';

export interface KeptFact {
  readonly what: string;
  readonly text: string;
  /** The setting that says so, where there is one. */
  readonly setting?: string;
}

/** `1 day`, `30 days`, `0.5 days`. */
function days(value: number): string {
  return `${Number.isInteger(value) ? count(value) : value} ${value === 1 ? 'day' : 'days'}`;
}

/** Nothing while the limits are not known. */
export function keptFacts(limits: Me['limits'] | undefined): KeptFact[] {
  if (!limits) return [];
  const { keep_days, tag_days, max_tags } = limits;
  return [
    {
      what: 'Tags',
      text: tag_days ? `Deleted ${days(tag_days)} after they were made.` : 'Until somebody deletes them.',
      setting: 'EARMARK_TAG_DAYS',
    },
    {
      what: 'Recordings that were identified',
      text: keep_days
        ? `Not kept, unless the sender asks for it: then for ${days(keep_days)}.`
        : 'Never kept; nobody can ask for it.',
      setting: 'EARMARK_KEEP_DAYS',
    },
    ...(max_tags === null ? [] : [{ what: 'Tags of this key', text: `${count(max_tags)} at most.` }]),
    { what: 'Tracks', text: 'What recognises them, until they are deleted; their sound is never kept.' },
    { what: 'Long recordings', text: 'Until they were listened to. Their tracklists stay until they are deleted.' },
    { what: 'Jobs', text: '30 days after their end.' },
  ];
}
