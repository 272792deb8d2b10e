/** A verdict in words. */

import { jobErrorWords, sentence } from '../api/problem';
import type { Match, Tag } from '../api/types';
import { clock, confidenceWords, isolated, percent } from '../ui/format';

/** `Title by Artist`. */
export function named(item: { readonly title: string; readonly artist?: string | null }): string {
  return item.artist ? `${isolated(item.title)} by ${isolated(item.artist)}` : item.title;
}

const LEAST_TIED = { identified: 1, ambiguous: 2, no_match: 0 } as const;

/** The matches that the verdict names: one, all that fit equally well, or none. */
export function chosen(tag: Tag): Match[] {
  return tag.matches.slice(0, tag.tied ?? LEAST_TIED[tag.verdict]);
}

/** Matches of one title and artist: the same recording, as far as names tell. */
export interface Work {
  readonly title: string;
  readonly artist: string | null;
  readonly copies: readonly Match[];
}

/** What a name is compared by, so that copies are found. */
export function nameKey(item: { readonly title: string; readonly artist?: string | null }): string {
  return `${item.title}\n${item.artist ?? ''}`.toLocaleLowerCase();
}

/** The names that several of these items share. */
export function sharedNames(
  items: readonly { readonly title: string; readonly artist?: string | null }[],
): Set<string> {
  const keys = items.map(nameKey);
  return new Set(keys.filter((key, index) => keys.indexOf(key) !== index));
}

/** What the verdict names, copies of one name together. */
export function works(tag: Tag): Work[] {
  const groups = new Map<string, { title: string; artist: string | null; copies: Match[] }>();
  for (const match of chosen(tag)) {
    const key = nameKey(match);
    const group = groups.get(key) ?? { title: match.title, artist: match.artist, copies: [] };
    group.copies.push(match);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** `A`, `A or B`, `A, B or C`, `A or 3 others`: what a verdict names, in a line. */
export function titles(tag: Tag): string {
  const found = works(tag).map((work) => work.title);
  const names = found.length > 1 ? found.map(isolated) : found;
  const last = names[names.length - 1];
  if (last === undefined) return VERDICT_WORDS.no_match;
  if (names.length > 3) return `${names[0]} or ${names.length - 1} others`;
  return names.length === 1 ? last : `${names.slice(0, -1).join(', ')} or ${last}`;
}

/** Other recordings that the snippet holds some of, each once, with the stretch of it. */
export function parts(tag: Tag): string[] {
  const found = new Map<number, string>();
  for (const match of tag.matches) {
    if (match.role !== 'part' || match.query_start_s === null || match.query_end_s === null) continue;
    const stretch = `${clock(match.query_start_s)} to ${clock(match.query_end_s)}`;
    if (!found.has(match.recording)) found.set(match.recording, `${named(match)} (${stretch})`);
  }
  return [...found.values()];
}

/** What is peculiar about a file, in sentences, without the names that programs know it by; of failures, in this page's words. */
export function remarkSentences(remarks: readonly string[]): string[] {
  return remarks.map((remark) => {
    const failed = /^not_labelled: (.*) \((\w+)\): (.*)$/.exec(remark);
    if (failed) return `${sentence(failed[1]!)} ${jobErrorWords({ name: failed[2]!, message: failed[3]! }, '')}`;
    return sentence(remark.replace(/^[a-z_]+: /, ''));
  });
}

const NUMBERS = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine'];

/** How many fit equally well, to begin a sentence: `Two`, `12`, or `Several` in tags that do not know. */
export function tiedWords(tag: Tag): string {
  return tag.tied === null ? 'Several' : (NUMBERS[tag.tied] ?? String(tag.tied));
}

/** What is read out when a verdict arrives. */
export function verdictSentence(tag: Tag): string {
  const found = works(tag);
  const first = found[0]?.copies[0];
  if (!first) return 'No match: nothing in the library explains this snippet.';
  if (tag.verdict === 'ambiguous') {
    if (found.length === 1) return `${named(first)}: ${tiedWords(tag).toLowerCase()} tracks are this recording.`;
    return `Ambiguous: ${found.map(named).join(', or ')}; ${found.length === 2 ? 'both' : 'all'} fit equally well.`;
  }
  const place = first.offset_s === null ? '' : `, ${clock(first.offset_s)} into the track`;
  const sure = first.confidence === null ? '' : `. ${confidenceWords(first.confidence)}, ${percent(first.confidence)}`;
  return `${named(first)}${place}${sure}.`;
}

/** The word for a list of verdicts. */
export const VERDICT_WORDS = { identified: 'Identified', ambiguous: 'Ambiguous', no_match: 'No match' } as const;
export const VERDICT_ICONS = { identified: 'check', ambiguous: 'twins', no_match: 'question' } as const;
