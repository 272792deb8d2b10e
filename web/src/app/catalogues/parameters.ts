/** Parameters of a catalogue as a form holds them: texts by name. Every function is pure. */

import type { CatalogueParameter, Cost } from '../api/types';
import { bytes, count } from '../ui/format';

export type Texts = Readonly<Record<string, string>>;
export type Values = Readonly<Record<string, unknown>>;

/** What a form shows of values. */
export function textsOf(values: Values): Texts {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

/** What was changed: the values that differ from where the form started; text that is no number stays text. */
export function changed(texts: Texts, start: Values): Values {
  const found: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(texts)) {
    const before = start[name];
    const trimmed = text.trim();
    const value = typeof before === 'number' && trimmed !== '' && !isNaN(Number(trimmed)) ? Number(trimmed) : trimmed;
    if (value !== before) found[name] = value;
  }
  return found;
}

/** What is wrong with one value, or nothing. */
export function fault(parameter: CatalogueParameter, text: string): string {
  if (parameter.kind === 'choice') return '';
  const value = Number(text);
  if (text.trim() === '' || isNaN(value)) return 'A number is needed.';
  if (parameter.kind === 'whole' && !Number.isInteger(value)) return 'A whole number is needed.';
  if (value < (parameter.low ?? -Infinity) || value > (parameter.high ?? Infinity)) return `${bounds(parameter)}.`;
  return '';
}

/** `8 000 to 48 000`. */
export function bounds(parameter: CatalogueParameter): string {
  const said = (value: number) => (Number.isInteger(value) ? count(value) : String(value));
  return `${said(parameter.low ?? 0)} to ${said(parameter.high ?? 0)}`;
}

/** The cost of some music in one sentence. */
export function costWords(cost: Cost, hours: number): string {
  const length = Number(cost.config['window_length']);
  const step = Number(cost.config['window_step']);
  const music = `${count(hours)} ${hours === 1 ? 'hour' : 'hours'} of music`;
  return (
    `Windows of ${length} s, one every ${step} s. ${music}: ${count(cost.windows)} windows, about ` +
    `${bytes(cost.bytes)}, ${time(cost.seconds)} of one processor to model.`
  );
}

function time(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** Synced.fm's parameters from JSON text; throws with a sentence for people. */
export function syncedFrom(text: string): Values {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('This is no JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('This is no JSON object.');
  return value as Values;
}
