import { HttpClient } from '@angular/common/http';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  ElementRef,
  inject,
  Injector,
  signal,
  viewChild,
} from '@angular/core';
import { RouterLink } from '@angular/router';

import { Api, API } from '../api/client';
import { Me } from '../api/me';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { Tag, Tags } from '../api/types';
import { TagCache } from '../capture/tag-cache';
import { titles } from '../capture/verdict';
import { Announcer } from '../ui/announcer';
import { Confirm } from '../ui/confirm';
import { focusAt } from '../ui/focus';
import { day } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { TagRow } from './tag-row';

const PAGE = 30;

/** Every tag, newest first, by day. */
@Component({
  selector: 'em-history',
  imports: [Confirm, Icon, RouterLink, TagRow, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './history.html',
})
export class History {
  private readonly http = inject(HttpClient);
  private readonly api = inject(Api);
  private readonly cache = inject(TagCache);
  private readonly announcer = inject(Announcer);
  private readonly injector = inject(Injector);
  private readonly element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  protected readonly me = inject(Me);
  private readonly confirm = viewChild.required(Confirm);

  protected readonly tags = signal<readonly Tag[]>([]);
  private readonly cursor = signal<string | null>(null);
  protected readonly loading = signal(false);
  protected readonly loaded = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly more = computed(() => this.cursor() !== null);
  private doomed: Tag | null = null;

  protected readonly days = computed(() => {
    const now = new Date();
    const groups: { name: string; tags: Tag[] }[] = [];
    for (const tag of this.tags()) {
      const name = day(new Date(tag.created), now);
      const last = groups[groups.length - 1];
      if (last?.name === name) last.tags.push(tag);
      else groups.push({ name, tags: [tag] });
    }
    return groups;
  });

  constructor() {
    this.load();
  }

  protected load(): void {
    const cursor = this.cursor();
    this.loading.set(true);
    this.trouble.set(null);
    this.http.get<Tags>(`${API}/tags`, { params: { limit: PAGE, ...(cursor && { cursor }) } }).subscribe({
      next: (page) => {
        this.tags.update((tags) => [...tags, ...page.tags]);
        this.cursor.set(page.next);
        this.loading.set(false);
        this.loaded.set(true);
      },
      error: (error: unknown) => {
        this.trouble.set(troubleOf(error));
        this.loading.set(false);
      },
    });
  }

  protected ask(tag: Tag): void {
    this.doomed = tag;
    this.confirm().ask();
  }

  protected delete(): void {
    const tag = this.doomed;
    if (!tag) return;
    this.api.deleteTag(tag.id).subscribe({
      next: () => this.leaveOut(tag, 'Tag deleted.'),
      error: (error: unknown) =>
        isGone(error) ? this.leaveOut(tag, 'This tag was already deleted.') : this.trouble.set(troubleOf(error)),
    });
  }

  /** Take a tag out of the list; the row that takes its place gets the focus. */
  private leaveOut(tag: Tag, said: string): void {
    const row = this.tags().indexOf(tag);
    this.cache.drop(tag.id);
    this.tags.update((tags) => tags.filter((other) => other.id !== tag.id));
    this.announcer.say(said);
    afterNextRender(
      () => focusAt(this.element, '.rows .delete', row, this.element.querySelector<HTMLElement>('.empty a')),
      { injector: this.injector },
    );
  }

  protected readonly titles = titles;
}
