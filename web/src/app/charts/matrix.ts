/** A matrix of confusion: counts of truth (row) and answer (column), and the shares they make. */

import { scaleQuantize } from './scale';

/** What a cell shows. */
export type MatrixShown = 'counts' | 'recall' | 'precision';

export interface MatrixCell {
  readonly row: number;
  readonly column: number;
  readonly count: number;
  /** What is written. */
  readonly text: string;
  /** How dark, 0 (none) to `STEPS`. */
  readonly step: number;
}

export interface Matrix {
  readonly rows: readonly (readonly MatrixCell[])[];
  /** Share of each row that is on the diagonal, null where the row is empty. */
  readonly recall: readonly (number | null)[];
  /** Share of each column that is on the diagonal, null where the column is empty. */
  readonly precision: readonly (number | null)[];
  readonly right: number;
  readonly total: number;
}

export const STEPS = 7;

export function matrixOf(counts: readonly (readonly number[])[], shown: MatrixShown): Matrix {
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const rowSums = counts.map(sum);
  const columnSums = counts.map((_, column) => sum(counts.map((row) => row[column] ?? 0)));
  const share = (part: number, whole: number) => (whole ? part / whole : null);
  const step = scaleQuantize(
    [0, 1],
    Array.from({ length: STEPS }, (_, index) => index + 1),
  );
  const rows = counts.map((row, i) =>
    row.map((count, j) => {
      const value = shown === 'precision' ? share(count, columnSums[j]!) : share(count, rowSums[i]!);
      const text = shown === 'counts' ? String(count) : value === null ? '–' : String(Math.round(100 * value));
      return { row: i, column: j, count, text, step: count ? step(value ?? 0) : 0 };
    }),
  );
  return {
    rows,
    recall: counts.map((row, i) => share(row[i] ?? 0, rowSums[i]!)),
    precision: counts.map((row, i) => share(row[i] ?? 0, columnSums[i]!)),
    right: sum(counts.map((row, i) => row[i] ?? 0)),
    total: sum(rowSums),
  };
}
