import { HttpClient, httpResource } from '@angular/common/http';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  ElementRef,
  inject,
  Injector,
  input,
  linkedSignal,
  signal,
  viewChild,
} from '@angular/core';
import { Router, RouterLink } from '@angular/router';
import { forkJoin, map, catchError, of } from 'rxjs';

import { Api, API } from '../api/client';
import { Me } from '../api/me';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { Tag, Tags } from '../api/types';
import { TagCache } from '../capture/tag-cache';
import { titles, VERDICT_WORDS } from '../capture/verdict';
import { Announcer } from '../ui/announcer';
import { Confirm } from '../ui/confirm';
import { focusAt } from '../ui/focus';
import { day } from '../ui/format';
import { Icon } from '../ui/icon';
import { saveAs } from '../ui/save';
import { TroubleNote } from '../ui/trouble-note';
import { TagRow } from './tag-row';

const PAGE = 30;
const LOOK_MS = 5000;
const TYPING_MS = 300;

/** Every tag, newest first, by day. What is shown of them is in the address: search, filters, and how far back. */
@Component({
  selector: 'em-history',
  imports: [Confirm, Icon, RouterLink, TagRow, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './history.html',
})
export class History {
  /** From the address. */
  readonly search = input<string>();
  readonly verdict = input<string>();
  readonly from = input<string>();
  readonly to = input<string>();
  readonly cursor = input<string>();

  private readonly http = inject(HttpClient);
  private readonly api = inject(Api);
  private readonly cache = inject(TagCache);
  private readonly router = inject(Router);
  private readonly announcer = inject(Announcer);
  private readonly injector = inject(Injector);
  private readonly element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  protected readonly me = inject(Me);
  private readonly confirm = viewChild.required(Confirm);

  /** What is asked of the service, without the place in the list. */
  private readonly filter = computed(() => {
    const asked: Record<string, string> = {};
    if (this.search()) asked['search'] = this.search()!;
    if (this.verdict()) asked['verdict'] = this.verdict()!;
    if (this.from()) asked['since'] = localDay(this.from()!, 0);
    if (this.to()) asked['until'] = localDay(this.to()!, 1);
    return asked;
  });
  private readonly resource = httpResource<Tags>(() => ({
    url: `${API}/tags`,
    params: { limit: PAGE, ...this.filter(), ...(this.cursor() && { cursor: this.cursor()! }) },
  }));
  /** The answer to what the address asks, or, while another is awaited, the last one. */
  private readonly page = linkedSignal<Tags | undefined, Tags | undefined>({
    source: () => (this.resource.hasValue() ? this.resource.value() : undefined),
    computation: (value, previous) => value ?? previous?.value,
  });
  protected readonly tags = computed(() => this.page()?.tags ?? []);
  protected readonly next = computed(() => this.page()?.next ?? null);
  protected readonly loading = computed(() => this.resource.isLoading());
  protected readonly loaded = computed(() => this.page() !== undefined);
  protected readonly failure = computed(() => (this.resource.error() ? troubleOf(this.resource.error()) : null));
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly filtered = computed(() => Object.keys(this.filter()).length > 0);

  /** Ids of the rows that are marked; a new page begins without. */
  protected readonly marked = linkedSignal<string, readonly string[]>({
    source: () => JSON.stringify([this.filter(), this.cursor()]),
    computation: () => [],
  });
  protected readonly allMarked = computed(
    () => this.tags().length > 0 && this.tags().every((tag) => this.marked().includes(tag.id)),
  );
  private readonly doomed = signal<readonly Tag[]>([]);
  protected readonly doomedWords = computed(() => {
    const n = this.doomed().length;
    return n === 1
      ? 'It disappears from the history, and its address stops working.'
      : `${n} tags disappear from the history, and their addresses stop working.`;
  });

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
  private typing: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    // The newest page is looked at again now and then, so that what is tagged elsewhere appears.
    const timer = setInterval(() => {
      if (!this.cursor() && !document.hidden && !this.marked().length && !this.resource.isLoading())
        this.resource.reload();
    }, LOOK_MS);
    inject(DestroyRef).onDestroy(() => {
      clearInterval(timer);
      clearTimeout(this.typing);
    });
    let newest = '';
    effect(() => {
      const first = this.tags()[0]?.id ?? '';
      if (newest && first > newest && !this.cursor() && !this.filtered()) this.announcer.say('A new tag was made.');
      newest = first;
    });
  }

  protected type(event: Event): void {
    const search = (event.target as HTMLInputElement).value.trim();
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.show({ search: search || null }, true), TYPING_MS);
  }

  protected choose(name: 'verdict' | 'from' | 'to', event: Event): void {
    this.show({ [name]: (event.target as HTMLInputElement | HTMLSelectElement).value || null }, false);
  }

  /** Ask for something else; from its newest on. */
  private show(queryParams: Record<string, string | null>, replaceUrl: boolean): void {
    void this.router.navigate([], {
      queryParams: { ...queryParams, cursor: null },
      queryParamsHandling: 'merge',
      replaceUrl,
    });
  }

  protected reload(): void {
    this.resource.reload();
  }

  protected mark(tag: Tag, event: Event): void {
    const wanted = (event.target as HTMLInputElement).checked;
    this.marked.update((ids) => [...ids.filter((id) => id !== tag.id), ...(wanted ? [tag.id] : [])]);
  }

  protected markAll(event: Event): void {
    this.marked.set((event.target as HTMLInputElement).checked ? this.tags().map((tag) => tag.id) : []);
  }

  /** Keep the marked tags, or all that the filters mean, as a file. */
  protected save(format: 'csv' | 'json'): void {
    const ids = this.marked();
    const params = { format, ...(ids.length ? { ids: ids.join(',') } : this.filter()) };
    this.http.get(`${API}/tags/export`, { params, responseType: 'blob' }).subscribe({
      next: (content) => saveAs(content, `tags.${format}`),
      error: (error: unknown) => this.trouble.set(troubleOf(error)),
    });
  }

  protected ask(...tags: readonly Tag[]): void {
    this.doomed.set(tags);
    this.confirm().ask();
  }

  protected askMarked(): void {
    this.ask(...this.tags().filter((tag) => this.marked().includes(tag.id)));
  }

  protected delete(): void {
    const tags = this.doomed();
    const row = this.tags().indexOf(tags[0]!);
    this.trouble.set(null);
    forkJoin(
      tags.map((tag) =>
        this.api.deleteTag(tag.id).pipe(
          map(() => ({ tag, gone: true, already: false, error: null as unknown })),
          catchError((error: unknown) => of({ tag, gone: isGone(error), already: isGone(error), error })),
        ),
      ),
    ).subscribe((outcomes) => {
      const gone = outcomes.filter((outcome) => outcome.gone);
      const kept = outcomes.find((outcome) => !outcome.gone);
      for (const { tag } of gone) this.cache.drop(tag.id);
      const ids = gone.map(({ tag }) => tag.id);
      this.page.update((page) => page && { ...page, tags: page.tags.filter((tag) => !ids.includes(tag.id)) });
      this.marked.update((marked) => marked.filter((id) => !ids.includes(id)));
      if (kept) this.trouble.set(troubleOf(kept.error));
      const already = gone.length === 1 && gone[0]!.already;
      this.announcer.say(
        already ? 'This tag was already deleted.' : gone.length === 1 ? 'Tag deleted.' : `${gone.length} tags deleted.`,
      );
      afterNextRender(
        () =>
          focusAt(
            this.element,
            '.rows .delete',
            row,
            this.element.querySelector<HTMLElement>('.empty a, .search input'),
          ),
        { injector: this.injector },
      );
    });
  }

  protected readonly verdicts = Object.entries(VERDICT_WORDS);
  protected readonly titles = titles;
}

/** A day of this place as a time: its beginning, or, one later, its end. */
function localDay(text: string, later: 0 | 1): string {
  const [year, month, date] = text.split('-').map(Number);
  return new Date(year!, month! - 1, date! + later).toISOString();
}
