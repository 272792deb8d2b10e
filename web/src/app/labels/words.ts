/** What labels say, in words. Probabilities are 0 to 1, percentiles 0 to 100. */

import type { JobError, LabelModel, Labels, SoundTag, SoundTags, Tag } from '../api/types';
import { sentence } from '../api/problem';
import { count, fixed, percent } from '../ui/format';
import { protocolsOf } from './cards';

type Group = SoundTag['group'];

export const GROUPS: readonly { readonly group: Group; readonly heading: string }[] = [
  { group: 'style', heading: 'Style' },
  { group: 'mood and use', heading: 'Mood and use' },
  { group: 'voice and instrument', heading: 'Voice and instrument' },
  { group: 'decade', heading: 'Decade' },
];
/** Tags below this are nowhere in the sound; and more than these a group nobody reads. */
const HEARD = 0.05;
const MOST = 5;
/** Between these percentiles music is neither calm nor energetic. */
const NEITHER = [40, 60] as const;

/** What is said of one recording: tags, what models call it, and what went wrong. */
export interface Said {
  readonly tags: SoundTags | null;
  readonly answers: readonly Labels[];
  readonly errors: readonly JobError[];
}

/** What was stored with a tag, if it was asked for. */
export function storedWith(tag: Tag): Said | null {
  const stored = Object.values(tag.labels).filter(isRecord);
  if (!stored.length) return null;
  const failed = stored.filter((item) => typeof item['error'] === 'string');
  const errors = failed.map((item) => ({ name: String(item['error']), message: String(item['detail'] ?? '') }));
  return {
    tags: (stored.find((item) => Array.isArray(item['tags'])) as SoundTags | undefined) ?? null,
    answers: stored.filter((item) => Array.isArray(item['distribution'])) as unknown as Labels[],
    errors: errors.filter((error, index) => errors.findIndex((other) => other.name === error.name) === index),
  };
}

/** The tags that are worth saying, group by group, most characteristic first. */
export function heardTags(tags: readonly SoundTag[]): { heading: string; tags: SoundTag[] }[] {
  return GROUPS.map(({ group, heading }) => ({
    heading,
    tags: tags
      .filter((tag) => tag.group === group && tag.probability >= HEARD)
      .sort((a, b) => b.lift - a.lift)
      .slice(0, MOST),
  }));
}

/** `jazz, instrumental and 60s`: the few tags that say most; those that are commoner than usual only. */
export function mostTelling(tags: readonly SoundTag[], most = 4): string {
  const names = tags
    .filter((tag) => tag.probability >= HEARD && tag.lift > 1)
    .sort((a, b) => b.lift - a.lift)
    .slice(0, most)
    .map((tag) => tag.tag);
  return listed(names);
}

/** `a`, `a and b`, `a, b and c`. */
export function listed(names: readonly string[], word = 'and'): string {
  if (names.length < 2) return names[0] ?? '';
  return `${names.slice(0, -1).join(', ')} ${word} ${names[names.length - 1]}`;
}

/** `3.2 times as likely as in any music`. */
export function liftWords(lift: number): string {
  const number = lift >= 10 ? count(lift) : fixed(lift, 1);
  return `${number}\u202f×`;
}

/** Calm, energetic or neither, and beside how many recordings. */
export function livelyWords(percentile: number): string {
  const livelier = Math.min(99, Math.max(1, Math.round(percentile)));
  const word = percentile < NEITHER[0] ? 'Calm' : percentile > NEITHER[1] ? 'Energetic' : 'Neither calm nor energetic';
  return `${word}: livelier than ${livelier} in 100 recordings of ten genres`;
}

/** What an answer says, and what speaks against it. */
export function answerWords(answer: Labels): { readonly said: string; readonly doubts: readonly string[] } {
  const names = listed(answer.labels);
  const doubts = answer.reasons.map((reason) => sentence(reason.text));
  const best = answer.distribution.find((item) => item.label === answer.labels[0]);
  const share = best && answer.labels.length === 1 ? ` (${percent(best.p)})` : '';
  if (answer.decision === 'uncertain')
    return { said: names ? `Uncertain. It would be ${names}${share}` : 'Uncertain', doubts };
  if (!names) return { said: 'None of these', doubts };
  return { said: names[0]!.toUpperCase() + names.slice(1) + share, doubts };
}

/** `tag.jazz` → `tag “jazz”`. */
export function featureWords(feature: string): string {
  if (feature === 'all others') return 'everything else';
  return feature.startsWith('tag.') ? `tag “${feature.slice(4)}”` : feature;
}

export interface Reasoning {
  readonly label: string;
  readonly parts: readonly { readonly feature: string; readonly adds: number }[];
}

/** The explanation of an answer, as far as it has the expected form: its shape depends on the model. */
export function reasoningOf(answer: Labels): Reasoning[] {
  return answer.explanation.flatMap((item) => {
    const { label, parts } = item as { label?: unknown; parts?: unknown };
    if (typeof label !== 'string' || !Array.isArray(parts)) return [];
    const known = parts.filter(
      (part): part is { feature: string; adds: number } =>
        isRecord(part) && typeof part['feature'] === 'string' && typeof part['adds'] === 'number',
    );
    return known.length ? [{ label, parts: known }] : [];
  });
}

/** A model's card in sentences. It comes with the model, from anybody: nothing in it is relied on. */
export function cardWords(model: LabelModel): string[] {
  const card: Record<string, unknown> = model.card ?? {};
  const said = strings(card['summary']);
  if (model.labels?.length) said.push(`It tells ${listed(model.labels)}.`);
  const data = card['data'];
  if (isRecord(data) && typeof data['clips'] === 'number') {
    const grouped = typeof data['groups'] === 'number' && data['grouping'] !== 'none';
    const groups = grouped ? ` by ${count(data['groups'] as number)} ${group(data['grouping'])}` : '';
    said.push(
      `Trained on ${count(data['clips'])} clips${groups}. ${strings(data['licence']).map(licence).join('')}`.trim(),
    );
  }
  for (const { name, leaky, n, accuracy } of protocolsOf(model)) {
    if (!accuracy) continue;
    const shares = [accuracy.value, accuracy.low, accuracy.high].filter((share) => share !== null);
    if (shares.length < 3) continue;
    const before = leaky ? 'For comparison only, as it has heard some of what it is tested on: right for' : 'Right for';
    const [value, low, high] = shares.map((share) => Math.round(100 * share));
    said.push(`${before} ${value} in 100 (${low} to ${high})${n === null ? '' : ` of ${count(n)} clips`}: ${name}.`);
  }
  if (typeof card['uncertain_below'] === 'number')
    said.push(`Below ${percent(card['uncertain_below'])} it says that it is uncertain.`);
  return said;
}

/** What a model is weak at, as its card says. */
export function weaknesses(model: LabelModel): string[] {
  return ['warnings', 'weaknesses'].flatMap((name) => strings(model.card?.[name]));
}

function group(grouping: unknown): string {
  return typeof grouping === 'string' ? `groups (${grouping})` : 'groups';
}

function licence(text: string): string {
  return `Licence: ${text}.`;
}

function strings(value: unknown): string[] {
  if (typeof value === 'string') return value ? [value] : [];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
