/** How two tracks share sound, in words. Every function is pure. */

import type { DuplicatePair } from '../api/types';
import { clock } from '../ui/format';

type Side = DuplicatePair['a'];

const RELATIONS: Record<DuplicatePair['relation'], string> = {
  copy: 'The same recording',
  excerpt: 'A piece of it',
  edit: 'Cut otherwise',
  part: 'Some of it is the same',
};

/** What the two are to each other. */
export function relationWords(pair: DuplicatePair): string {
  return RELATIONS[pair.relation];
}

/** `82 % of the one, 100 % of the other`. */
export function shares(pair: DuplicatePair): string {
  const percent = (side: Side) => `${Math.round(100 * side.share)}\u202f%`;
  return `${percent(pair.a)} of the first, ${percent(pair.b)} of the second`;
}

/** Which stretch of which is which: `0:06 to 0:24 is 0:00 to 0:18`. */
export function stretches(pair: DuplicatePair): string[] {
  return pair.stretches.map((stretch) => {
    const ends = [stretch.a_start_s, stretch.b_start_s].map(
      (start) => `${clock(start)} to ${clock(start + stretch.length_s)}`,
    );
    return ends.join(' is ');
  });
}
