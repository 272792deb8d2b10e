import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';
import { RouterLink } from '@angular/router';

import type { Tag } from '../api/types';
import { chosen, titles, VERDICT_ICONS, VERDICT_WORDS, works } from '../capture/verdict';
import { clock, isolated, moment, percent, timeOfDay } from '../ui/format';
import { Icon } from '../ui/icon';

/** One tag in a list; the whole row leads to it. */
@Component({
  selector: 'em-tag-row',
  imports: [RouterLink, Icon],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <a class="row" [routerLink]="['/tags', tag().id]">
      <span class="verdict-badge" [attr.data-verdict]="tag().verdict">
        <em-icon [name]="icon()" />
      </span>
      <span class="row-main">
        <span class="row-title" dir="auto">{{ title() }}</span>
        <span class="row-sub" dir="auto">{{ sub() }}</span>
      </span>
      <span class="row-side">
        <time [attr.datetime]="tag().created" [title]="moment(created())">{{ timeOfDay(created()) }}</time>
        @if (sure(); as sure) {
          <span>{{ sure }}</span>
        }
      </span>
    </a>
  `,
})
export class TagRow {
  readonly tag = input.required<Tag>();

  protected readonly icon = computed(() => VERDICT_ICONS[this.tag().verdict]);
  protected readonly created = computed(() => new Date(this.tag().created));
  protected readonly recorded = computed(() => {
    const recorded = this.tag().recorded;
    return recorded ? `recorded ${moment(new Date(recorded))}` : '';
  });
  protected readonly title = computed(() => titles(this.tag()));
  protected readonly sub = computed(() => {
    const tag = this.tag();
    const first = chosen(tag)[0];
    if (!first) {
      const near = tag.nearest[0];
      const alike = near ? `Sounds most like ${isolated(near.title)}` : 'Nothing alike either';
      return [alike, this.recorded()].filter(Boolean).join(' · ');
    }
    const place = first.offset_s === null ? '' : `at\u00a0${clock(first.offset_s)}`;
    const found = works(tag);
    const copies = found[0]!.copies.length > 1 ? `${found[0]!.copies.length} copies` : '';
    const what = found.length > 1 ? [VERDICT_WORDS.ambiguous] : [isolated(first.artist ?? ''), copies];
    return [...what, place, this.recorded()].filter(Boolean).join(' · ');
  });
  protected readonly sure = computed(() => {
    const first = chosen(this.tag())[0];
    // Of two that fit equally well neither is sure.
    const shown = first && first.confidence !== null && this.tag().verdict === 'identified';
    return shown ? percent(first.confidence!) : '';
  });
  protected readonly timeOfDay = timeOfDay;
  protected readonly moment = moment;
}
