import { HttpClient } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, DestroyRef, effect, inject, signal } from '@angular/core';
import type { Params } from '@angular/router';
import { RouterLink } from '@angular/router';

import { API } from '../api/client';
import { Me } from '../api/me';
import { troubleOf, type Trouble } from '../api/problem';
import type { Tag } from '../api/types';
import { TagCache } from '../capture/tag-cache';
import { titles, VERDICT_WORDS } from '../capture/verdict';
import { DataList } from '../lists/data-list';
import { ListState } from '../lists/list-state';
import { Row } from '../lists/row';
import { Announcer } from '../ui/announcer';
import { day } from '../ui/format';
import { saveAs } from '../ui/save';
import { TroubleNote } from '../ui/trouble-note';
import { DevicesTable } from './devices';
import { TagRow } from './tag-row';

const LOOK_MS = 5000;

/** Every tag, newest first, by day. */
@Component({
  selector: 'em-history',
  imports: [DataList, DevicesTable, RouterLink, Row, TagRow, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './history.html',
})
export class History {
  private readonly http = inject(HttpClient);
  private readonly cache = inject(TagCache);
  private readonly announcer = inject(Announcer);
  protected readonly me = inject(Me);

  protected readonly list = new ListState<Tag>({
    of: 'tags',
    limit: 30,
    // `device`: one of several that share a key; from a tag.
    address: ['search', 'verdict', 'device'],
    asked: days,
  });
  /** Whether they are shown: they are asked for then only. */
  protected readonly devices = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly nothing = computed(() =>
    this.list.next() ? 'Nothing among the newest 2 000 tags: look further back.' : 'No tag is like that.',
  );

  constructor() {
    // The newest page is looked at again now and then, so that what is tagged elsewhere appears.
    const timer = setInterval(() => {
      if (!this.list.cursor() && !document.hidden && !this.list.marked().length && !this.list.loading())
        this.list.reload();
    }, LOOK_MS);
    inject(DestroyRef).onDestroy(() => clearInterval(timer));
    let newest = '';
    effect(() => {
      const first = this.list.entries()[0]?.id ?? '';
      if (newest && first > newest && !this.list.cursor() && !this.list.filtered())
        this.announcer.say('A new tag was made.');
      newest = first;
    });
  }

  /** Keep the marked tags, or all that the filters mean, as a file. */
  protected save(format: 'csv' | 'json'): void {
    const marked = this.list.marked();
    const which = marked.length ? { ids: marked.map((tag) => tag.id).join(',') } : this.list.filter();
    this.http.get(`${API}/tags/export`, { params: { format, ...which }, responseType: 'blob' }).subscribe({
      next: (content) => saveAs(content, `tags.${format}`),
      error: (error: unknown) => this.trouble.set(troubleOf(error)),
    });
  }

  protected drop(tags: readonly Tag[]): void {
    for (const tag of tags) this.cache.drop(tag.id);
  }

  protected readonly deleted = (tags: readonly Tag[]) =>
    tags.length === 1 ? `The tag “${titles(tags[0]!)}” is deleted.` : `${tags.length} tags are deleted.`;
  protected readonly called = (tag: Tag) => `tag: ${titles(tag)}`;
  protected readonly dayOf = (tag: Tag) => day(new Date(tag.created), new Date());
  protected readonly formats = ['csv', 'json'] as const;
  protected readonly verdicts = Object.entries(VERDICT_WORDS);
}

/** From which moment to which, for the days of the address. */
function days({ from, to }: Params): Params {
  return { ...(from && { since: localDay(from, 0) }), ...(to && { until: localDay(to, 1) }) };
}

/** A day of this place as a time: its beginning, or, one later, its end. */
function localDay(text: string, later: 0 | 1): string {
  const [year, month, date] = text.split('-').map(Number);
  return new Date(year!, month! - 1, date! + later).toISOString();
}
