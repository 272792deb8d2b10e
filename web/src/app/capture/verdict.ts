/** A verdict in words. */

import type { Match, Tag } from '../api/types';
import { clock, confidenceWords, percent } from '../ui/format';

/** `Title by Artist`. */
export function named(item: { readonly title: string; readonly artist?: string | null }): string {
  return item.artist ? `${item.title} by ${item.artist}` : item.title;
}

/** The matches that the verdict speaks of: one, two equally good ones, or none. */
export function chosen(tag: Tag): Match[] {
  if (tag.verdict === 'identified') return tag.matches.slice(0, 1);
  return tag.verdict === 'ambiguous' ? tag.matches.slice(0, 2) : [];
}

/** What is read out when a verdict arrives. */
export function verdictSentence(tag: Tag): string {
  const [first, second] = chosen(tag);
  if (!first) return 'No match: nothing in the library explains this snippet.';
  if (second) return `Ambiguous: ${named(first)}, or ${named(second)}; both fit equally well.`;
  const place = first.offset_s === null ? '' : `, ${clock(first.offset_s)} into the track`;
  const sure = first.confidence === null ? '' : `. ${confidenceWords(first.confidence)}, ${percent(first.confidence)}`;
  return `${named(first)}${place}${sure}.`;
}

/** The word for a list of verdicts. */
export const VERDICT_WORDS = { identified: 'Identified', ambiguous: 'Ambiguous', no_match: 'No match' } as const;
export const VERDICT_ICONS = { identified: 'check', ambiguous: 'twins', no_match: 'question' } as const;
