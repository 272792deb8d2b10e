import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  inject,
  input,
  untracked,
} from '@angular/core';
import { RouterLink } from '@angular/router';

import { Me } from '../api/me';
import { jobErrorWords } from '../api/problem';
import type { Tag } from '../api/types';
import { TagCache } from '../capture/tag-cache';
import { Asking, NO_NETWORK } from './asking';
import { answerWords, livelyWords, mostTelling, storedWith } from './words';

/**
 * What a snippet sounds like, in some sentences: as it was stored with the tag, else asked now if this page still holds
 * the recording. It is asked after the verdict, which it therefore never delays.
 */
@Component({
  selector: 'em-tag-labels',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  providers: [Asking],
  template: `
    @if (shown()) {
      <section class="panel tag-labels" aria-labelledby="sounds-heading" [attr.aria-busy]="asking.busy()">
        <h2 id="sounds-heading">What it sounds like</h2>
        @for (line of lines(); track line) {
          <p>{{ line }}</p>
        }
        @if (asking.busy()) {
          <p class="note">{{ asking.step() }} …</p>
        }
        @for (line of troubles(); track line) {
          <p class="note">{{ line }}</p>
        }
        <p class="note">
          Whole files are heard under <a routerLink="/labels">Labels</a>, with all tags and the reasons.
        </p>
      </section>
    }
  `,
})
export class TagLabels {
  readonly tag = input.required<Tag>();

  private readonly cache = inject(TagCache);
  protected readonly asking = inject(Asking);
  private readonly me = inject(Me);
  private readonly recording = computed(() => this.cache.recording(this.tag().id));
  private readonly missing = computed(() => !!this.recording() && !this.stored() && this.me.lacks('labels'));
  private readonly stored = computed(() => storedWith(this.tag()));
  private readonly tags = computed(() => this.stored()?.tags ?? this.asking.tags());
  private readonly answers = computed(() => this.stored()?.answers ?? this.asking.answers());
  protected readonly lines = computed(() => {
    const [tags, lines] = [this.tags(), [] as string[]];
    if (tags) {
      const telling = mostTelling(tags.tags);
      lines.push(telling ? `Like ${telling}.` : 'No tag fits it more than other music.');
      lines.push(`${livelyWords(tags.arousal.percentile)} (an experiment).`);
    }
    for (const answer of this.answers()) {
      const { said, doubts } = answerWords(answer);
      lines.push(`${answer.task[0]!.toUpperCase()}${answer.task.slice(1)}: ${said}. ${doubts.join(' ')}`.trim());
    }
    return lines;
  });
  protected readonly troubles = computed(() => [
    ...(this.stored()?.errors ?? []).map((error) => jobErrorWords(error, 'It could not be labelled')),
    ...(this.missing() ? [`${NO_NETWORK.title}. ${NO_NETWORK.detail}`] : []),
    ...this.asking.troubles().map((trouble) => `${trouble.title}. ${trouble.detail}`),
  ]);
  protected readonly shown = computed(() => this.lines().length + this.troubles().length > 0 || this.asking.busy());

  constructor() {
    effect(() => {
      const recording = this.recording();
      const wanted = recording && !this.stored() && this.me.may('labels');
      untracked(() => {
        this.asking.forget();
        if (wanted) this.asking.ask(recording.content, recording.name, false);
      });
    });
    inject(DestroyRef).onDestroy(() => this.asking.forget());
  }
}
