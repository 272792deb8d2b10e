/** What models say of the sound of a segment, in words. */

import type { KeptLabels, Segment } from '../api/types';
import { listed } from '../labels/words';
import { percent } from '../ui/format';

/** Tags in a lane, and in a sentence. */
const FEW = 3;

/** What is said of a segment in one task; where nothing is, nothing. */
interface Said {
  readonly task: string;
  readonly kept: KeptLabels;
}

function saidOf(segment: Segment): Said[] {
  return Object.entries(segment.labels)
    .filter(([, kept]) => kept.labels.length)
    .map(([task, kept]) => ({ task, kept }));
}

/** `jazz (73 %)`, `perhaps jazz (41 %)`; a place between calm and energetic, and several labels, have no share. */
function answer({ kept }: Said): string {
  const share = kept.distribution.find(({ label }) => label === kept.labels[0]);
  const sure = kept.decision !== 'experimental' && kept.labels.length === 1 && share ? ` (${percent(share.p)})` : '';
  return (kept.decision === 'uncertain' ? 'perhaps ' : '') + listed(kept.labels) + sure;
}

/** `Like jazz, piano and slow · Genre: jazz (73 %) · Mood: calm`; empty if nothing is said. */
export function soundWords(segment: Segment): string {
  return saidOf(segment)
    .map((said) =>
      said.task === 'tags'
        ? `Like ${listed(said.kept.labels.slice(0, FEW))}`
        : `${said.task[0]!.toUpperCase()}${said.task.slice(1)}: ${answer(said)}`,
    )
    .join(' · ');
}

/** What stands in a lane: the few most telling tags, else what another model says. */
export function soundName(segment: Segment): string {
  const said = saidOf(segment);
  const tags = said.find(({ task }) => task === 'tags');
  return tags ? tags.kept.labels.slice(0, FEW).join(', ') : said.map(answer).join(', ');
}

/** The tasks in which anything is said of any segment: columns of a table. */
export function tasksOf(segments: readonly Segment[]): string[] {
  return [...new Set(segments.flatMap((segment) => saidOf(segment).map(({ task }) => task)))];
}

/** What is said in a task, each label with its share; `–` if nothing is. */
export function cellWords(segment: Segment, task: string): string {
  const said = saidOf(segment).find((one) => one.task === task);
  if (!said) return '–';
  if (task !== 'tags') return answer(said);
  const { labels, distribution } = said.kept;
  return labels
    .map((label) => {
      const share = distribution.find((other) => other.label === label);
      return share ? `${label} ${percent(share.p)}` : label;
    })
    .join(', ');
}
