import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  inject,
  signal,
  untracked,
} from '@angular/core';
import { RouterLink } from '@angular/router';

import { Me } from '../api/me';
import { remarkSentences } from '../capture/verdict';
import { Announcer } from '../ui/announcer';
import { clock } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { Asking, NO_NETWORK } from './asking';
import { LabelAnswer } from './label-answer';
import { Models } from './models';
import { moodMoments, songMood } from './mood';
import { MoodView } from './mood-view';
import { SoundLanesView } from './sound-lanes-view';
import { SoundTagsView } from './sound-tags';
import { ToLabel } from './to-label';

/** What a recording sounds like, apart from which recording it is; and the models that say so. */
@Component({
  selector: 'em-labels',
  imports: [Icon, LabelAnswer, Models, MoodView, RouterLink, SoundLanesView, SoundTagsView, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './labels.html',
  providers: [Asking],
})
export class LabelsView {
  protected readonly asking = inject(Asking);
  protected readonly me = inject(Me);
  private readonly announcer = inject(Announcer);
  protected readonly file = signal<File | null>(null);
  /** Where the recording plays, seconds. */
  protected readonly at = signal(0);
  protected readonly mood = computed(() => {
    const tags = this.asking.tags();
    return tags ? [songMood(this.asking.name(), '', tags, this.asking.answers())] : [];
  });
  protected readonly moments = computed(() => {
    const tags = this.asking.tags();
    return tags ? moodMoments(tags, this.asking.answers()) : [];
  });

  constructor() {
    const dropped = inject(ToLabel);
    effect(() => {
      const file = dropped.file();
      if (!file) return;
      untracked(() => this.ask(file));
      dropped.file.set(null);
    });
    let listening = false;
    effect(() => {
      const busy = this.asking.busy();
      if (busy) this.announcer.say('Listening to the recording.');
      else if (listening)
        this.announcer.say(
          untracked(this.asking.empty) ? 'Nothing could be said.' : 'Done: what it sounds like is shown.',
        );
      listening = busy;
    });
    inject(DestroyRef).onDestroy(() => this.asking.forget());
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    if (file) this.ask(file);
    input.value = '';
  }

  protected again(): void {
    const file = this.file();
    if (file) this.ask(file);
  }

  private ask(file: File): void {
    this.file.set(file);
    this.at.set(0);
    this.asking.ask(file, file.name, true);
  }

  protected readonly clock = clock;
  protected readonly remarkSentences = remarkSentences;
  protected readonly noNetwork = NO_NETWORK;
}
