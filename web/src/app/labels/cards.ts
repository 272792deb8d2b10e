/** Figures of a model's card, as far as they have the expected form: it may be anybody's. */

import type { LabelModel, Share } from '../api/types';
import type { ReliabilityBin } from '../charts/reliability';

export interface Protocol {
  readonly name: string;
  /** Whether clips that belong together lay on both sides of the splits: its figures flatter. */
  readonly leaky: boolean;
  readonly n: number | null;
  readonly accuracy: Share | null;
  readonly top3: Share | null;
  readonly confusion: readonly (readonly number[])[] | null;
  readonly bins: readonly ReliabilityBin[];
  readonly error: number | null;
  readonly byLabel: readonly {
    readonly label: string;
    readonly n: number;
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
  }[];
  /** Name, truth and answer of clips, as places in the model's labels. */
  readonly clips: readonly { readonly name: string; readonly truth: number; readonly said: number }[];
}

/** The ways in which a model was judged, honest ones first. */
export function protocolsOf(model: LabelModel): Protocol[] {
  const k = model.labels?.length ?? 0;
  return (['honest', 'leaky'] as const).flatMap((kind) =>
    // Without groups even what stands for honest comes from random clips; the card says so.
    objects(model.card?.[kind]).map((item) => protocol(item, kind === 'leaky' || item['leaky'] === true, k)),
  );
}

function protocol(item: Record<string, unknown>, leaky: boolean, k: number): Protocol {
  const figures = isObject(item['figures']) ? item['figures'] : {};
  const calibration = isObject(figures['calibration']) ? figures['calibration'] : {};
  const place = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0 && Number(value) < k;
  const clips = Array.isArray(item['clips']) ? (item['clips'] as unknown[]) : [];
  return {
    name: typeof item['name'] === 'string' ? item['name'] : 'unnamed',
    leaky,
    n: number(figures['n']),
    accuracy: share(figures['accuracy'] ?? figures['exact']),
    top3: share(figures['top3']),
    confusion: square(figures['confusion'], k),
    bins: objects(calibration['bins']).filter(
      (bin): bin is Record<string, unknown> & ReliabilityBin =>
        number(bin['said']) !== null && number(bin['found']) !== null && number(bin['queries']) !== null,
    ),
    error: number(calibration['error']),
    byLabel: objects(figures['by_label']).flatMap((row) => {
      const [n, precision, recall, f1] = ['n', 'precision', 'recall', 'f1'].map((name) => number(row[name]));
      if (typeof row['label'] !== 'string' || n === null || precision === null || recall === null || f1 === null)
        return [];
      return [{ label: row['label'], n: n!, precision: precision!, recall: recall!, f1: f1! }];
    }),
    clips: clips.flatMap((clip) => {
      if (!Array.isArray(clip)) return [];
      const [name, truth, said] = clip as unknown[];
      return typeof name === 'string' && place(truth) && place(said) ? [{ name, truth, said }] : [];
    }),
  };
}

function square(value: unknown, k: number): number[][] | null {
  if (!Array.isArray(value) || value.length !== k || !k) return null;
  const rows = value as unknown[];
  const whole = rows.every(
    (row) => Array.isArray(row) && row.length === k && row.every((cell) => Number.isInteger(cell) && cell >= 0),
  );
  return whole ? (rows as number[][]) : null;
}

function share(value: unknown): Share | null {
  if (!isObject(value)) return null;
  const [middle, low, high] = ['value', 'low', 'high'].map((name) => number(value[name]));
  return middle === null ? null : { value: middle!, low: low ?? null, high: high ?? null };
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function objects(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isObject) : [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
