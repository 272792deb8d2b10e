/** Seconds per stage as rows with bars. */

export interface StageRow {
  readonly name: string;
  readonly seconds: number;
  /** Share of the longest stage, 0 to 1: the bar's length. */
  readonly share: number;
}

/** The stages in the order in which a snippet passes through; those not named here follow, as they come. */
const STAGES = new Map([
  ['decode', 'Decode'],
  ['queue', 'Wait'],
  ['index', 'Index'],
  ['model', 'Model'],
  ['divergence', 'Divergence'],
  ['align', 'Align'],
  ['decide', 'Decide'],
]);
const ORDER = [...STAGES.keys()];

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
    name: STAGES.get(name) ?? name.replace(/_/g, ' '),
    seconds: value,
    share: longest > 0 ? Math.max(0, value) / longest : 0,
  }));
  const summed = stages.reduce((sum, [, value]) => sum + value, 0);
  return { rows, total: seconds['total'] ?? summed };
}
