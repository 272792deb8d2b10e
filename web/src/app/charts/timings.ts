/** Seconds per stage as rows with bars. */

export interface StageRow {
  readonly name: string;
  readonly seconds: number;
  /** Share of the longest stage, 0 to 1: the bar's length. */
  readonly share: number;
}

/** The order in which a snippet passes through; stages not named here follow, as they come. */
const ORDER = ['wait', 'decode', 'features', 'model', 'coarse', 'refine', 'search', 'align', 'sweep', 'decide'];

function place(name: string): number {
  const index = ORDER.indexOf(name);
  return index < 0 ? ORDER.length : index;
}

/** Rows in the order of the work; `total` is kept apart, or summed when the answer has none. */
export function stageRows(seconds: Readonly<Record<string, number>>): {
  readonly rows: StageRow[];
  readonly total: number;
} {
  const stages = Object.entries(seconds)
    .filter(([name, value]) => name !== 'total' && Number.isFinite(value))
    .sort(([a], [b]) => place(a) - place(b));
  const longest = Math.max(0, ...stages.map(([, value]) => value));
  const rows = stages.map(([name, value]) => ({
    name: name.replace(/_/g, ' '),
    seconds: value,
    share: longest > 0 ? Math.max(0, value) / longest : 0,
  }));
  const summed = stages.reduce((sum, [, value]) => sum + value, 0);
  return { rows, total: seconds['total'] ?? summed };
}
