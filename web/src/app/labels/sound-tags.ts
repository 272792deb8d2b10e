import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import type { SoundTags } from '../api/types';
import { percent } from '../ui/format';
import { GROUPS, heardTags, liftWords } from './words';

/** What a recording sounds like in fifty tags: chart and table in one. */
@Component({
  selector: 'em-sound-tags',
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './sound-tags.html',
})
export class SoundTagsView {
  readonly answer = input.required<SoundTags>();

  protected readonly groups = computed(() => heardTags(this.answer().tags).filter((group) => group.tags.length));
  protected readonly top = computed(() => Math.max(1, ...this.groups().flatMap(({ tags }) => tags.map((t) => t.lift))));
  protected readonly all = computed(() =>
    GROUPS.flatMap(({ group }) => this.answer().tags.filter((tag) => tag.group === group)),
  );
  protected readonly liftWords = liftWords;
  protected readonly percent = percent;
}
