import { ChangeDetectionStrategy, Component, DestroyRef, effect, inject, untracked } from '@angular/core';

import { Me } from '../api/me';
import { clock } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { Asking } from './asking';
import { LabelAnswer } from './label-answer';
import { Models } from './models';
import { SoundTagsView } from './sound-tags';
import { ToLabel } from './to-label';

/** What a recording sounds like, apart from which recording it is; and the models that say so. */
@Component({
  selector: 'em-labels',
  imports: [Icon, LabelAnswer, Models, SoundTagsView, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './labels.html',
  providers: [Asking],
})
export class LabelsView {
  protected readonly asking = inject(Asking);
  protected readonly me = inject(Me);

  constructor() {
    const dropped = inject(ToLabel);
    effect(() => {
      const file = dropped.file();
      if (!file) return;
      untracked(() => this.asking.ask(file));
      dropped.file.set(null);
    });
    inject(DestroyRef).onDestroy(() => this.asking.forget());
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    if (file) this.asking.ask(file);
    input.value = '';
  }

  protected again(): void {
    const file = this.asking.file();
    if (file) this.asking.ask(file);
  }

  protected readonly clock = clock;
}
