/** Experiments in words. */

import type { Experiment, ExperimentEntry } from '../api/types';
import type { ShareGroup } from '../charts/shares';

/** What can be told apart of known and unknown recordings: the figures of an experiment, by their names. */
export const FIGURES = [
  { name: 'right', heading: 'Right first', of: 'known', text: 'The first match is the track, whatever the verdict.' },
  { name: 'identified', heading: 'Named rightly', of: 'known', text: 'The verdict names the track.' },
  { name: 'wrong', heading: 'Named wrongly', of: 'known', text: 'The verdict names another track. Fewer is better.' },
  {
    name: 'false_names',
    heading: 'Unknown, yet named',
    of: 'unknown',
    text: 'Recordings of no track of the catalogue that got a name. Fewer is better.',
  },
] as const;
export type FigureName = (typeof FIGURES)[number]['name'];

/** `Validation of default` or `Sweep over 12 files`. */
export function experimentTitle(one: ExperimentEntry): string {
  if (one.kind === 'validate') return `Validation of ${one.catalogue}`;
  return `Sweep over ${one.files.length} files`;
}

/** What was asked for, in a line. */
export function optionWords(one: ExperimentEntry): string {
  const options = one.options;
  const parts = [`${one.files.length} ${one.files.length === 1 ? 'file' : 'files'}`];
  if (options['cut'])
    parts.push(`${options['cut']} snippets of ${options['length_s']} s for each of ${options['conditions']}`);
  if (options['preset']) parts.push(`grid ${options['preset']}`);
  if (options['grid']) parts.push(String(options['grid']));
  if (options['method']) parts.push(`decided by ${options['method']}`);
  return parts.join(' · ');
}

/** Where it stands, in a line. */
export function stateWords(one: ExperimentEntry): string {
  if (one.status === 'failed') return `Failed: ${one.error?.message ?? 'the service says no more'}`;
  if (one.status === 'running') {
    if (!one.done) return one.stage ? `Begun: ${one.stage}` : 'Waiting to begin';
    return `${one.done} of ${one.total} answers${one.stage ? `; ${one.stage}` : ''}`;
  }
  const { identified, false_names, known, unknown } = one.headline;
  const best = one.kind === 'sweep' ? 'Best: ' : '';
  const whole = (share: number | null | undefined) => `${Math.round(100 * (share ?? 0))}\u202f%`;
  const said = [
    ...(known ? [`${whole(identified)} of ${known} named rightly`] : []),
    ...(unknown ? [`${whole(false_names)} of ${unknown} unknown ones named`] : []),
  ];
  return best + (said.join(', ') || 'No answers');
}

/** What is said of experiments that were just deleted. */
export function deletedWords(entries: readonly ExperimentEntry[]): string {
  const first = entries.length === 1 ? entries[0] : undefined;
  const said = first ? `“${experimentTitle(first)}” is deleted` : `${entries.length} experiments are deleted`;
  if (first?.status === 'running') return `${said}, and ends.`;
  return `${said}. To have ${first ? 'its' : 'their'} figures again, you will need the files.`;
}

/** Parameters that differ, `n_components 4, window_length 3`. */
export function cellName(values: Record<string, unknown>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');
}

/** What is drawn of an experiment for a figure: a group for each condition, or each combination of parameters. */
export function groupsOf(one: Experiment, figure: FigureName): ShareGroup[] {
  if (one.kind === 'sweep')
    return one.cells.map((cell) => ({ name: cellName(cell.values), shares: [cell.summary.rows[0]![figure]] }));
  return (one.summary?.rows ?? []).map((row) => ({ name: row.condition, shares: [row[figure]] }));
}

const NOTHING = { value: null, low: null, high: null };

/** Several experiments beside each other: groups by name, a series for each. */
export function compared(several: readonly Experiment[], figure: FigureName): ShareGroup[] {
  const drawn = several.map((one) => new Map(groupsOf(one, figure).map((group) => [group.name, group.shares[0]!])));
  const names = [...new Set(drawn.flatMap((groups) => [...groups.keys()]))];
  return names.map((name) => ({ name, shares: drawn.map((groups) => groups.get(name) ?? NOTHING) }));
}

/** A table of `file,track,condition` as CSV. */
export function tableOf(rows: readonly { readonly file: string; readonly track: string }[]): string {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  return ['file,track', ...rows.map((row) => `${quoted(row.file)},${quoted(row.track)}`)].join('\n') + '\n';
}
