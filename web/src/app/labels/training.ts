/** What is sent to train a model: recordings with labels and groups. */

export interface Clip {
  readonly file: File;
  readonly label: string;
  /** What it belongs to: artist, album, series. */
  readonly group: string;
}

/** The least recordings of a label. */
export const FEWEST = 3;
/** The most that are sent at once. */
export const MOST = 50;

/**
 * Recordings with what their names say: `jazz - Ida Varga - Copper Waltz.flac` and the folder `jazz/` name a label, a part
 * between dashes a group. Those that were labelled before keep it.
 */
export function clipsOf(files: readonly File[], before: readonly Clip[] = []): Clip[] {
  const known = new Map(before.map((clip) => [clip.file.name, clip]));
  const fresh = files.map((file) => {
    const folder = file.webkitRelativePath?.split('/').slice(-2, -1)[0] ?? '';
    const parts = file.name
      .replace(/\.[^.]*$/, '')
      .split(' - ')
      .map((part) => part.trim());
    const [label, group] = folder
      ? [folder, parts.length > 1 ? parts[0]! : '']
      : [parts.length > 1 ? parts[0]! : '', parts.length > 2 ? parts[1]! : ''];
    return known.get(file.name) ?? { file, label, group };
  });
  const named = new Set(fresh.map((clip) => clip.file.name));
  return [...before.filter((clip) => !named.has(clip.file.name)), ...fresh].slice(0, MOST);
}

/** Why these cannot be trained on yet, in a sentence; empty if they can. */
export function tooFew(clips: readonly Clip[]): string {
  if (!clips.length) return '';
  const without = clips.filter((clip) => !clip.label.trim()).length;
  if (without) return `${without} of ${clips.length} recordings have no label yet.`;
  const counts = new Map<string, number>();
  for (const clip of clips)
    for (const label of clip.label.split('|')) counts.set(label.trim(), (counts.get(label.trim()) ?? 0) + 1);
  if (counts.size < 2) return 'One label is nothing to choose from: give at least two.';
  const few = [...counts].filter(([, n]) => n < FEWEST).map(([label, n]) => `${label} (${n})`);
  return few.length ? `At least ${FEWEST} recordings of each label are needed: ${few.join(', ')}.` : '';
}

/** The table that goes with the files: CSV of file, labels and group. */
export function labelTable(clips: readonly Clip[]): string {
  const quoted = (text: string) => `"${text.trim().replaceAll('"', '""')}"`;
  const rows = clips.map((clip) => [clip.file.name, clip.label, clip.group].map(quoted).join(','));
  return ['file,labels,group', ...rows].join('\n') + '\n';
}
