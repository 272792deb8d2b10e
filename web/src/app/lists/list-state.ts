import { httpResource } from '@angular/common/http';
import { computed, DestroyRef, inject, linkedSignal, signal } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { ActivatedRoute, type Params, Router } from '@angular/router';

import { API } from '../api/client';
import { troubleOf } from '../api/problem';
import { Undo } from '../ui/undo';

const TYPING_MS = 250;

/** How often a value occurs among all entries that match. */
export interface Counted {
  readonly value: string | null;
  readonly count: number;
}

interface Answer {
  readonly next: string | null;
  readonly total?: number;
  readonly facets?: Readonly<Record<string, readonly Counted[]>>;
  readonly [of: string]: unknown;
}

export interface ListOptions {
  /** Name of the list, in the address of the interface and in its answer. */
  readonly of: string;
  /** Entries on a page. */
  readonly limit: number;
  /** What of the view's address is asked of the service, by the same names; the cursor always is. */
  readonly address: readonly string[];
  /** What is asked under other names, or of other form. */
  readonly asked?: (address: Params) => Params;
  /** Fields that rows show; left out: all. */
  readonly fields?: string;
  /** What its names in the address begin with, where a view has several lists. */
  readonly prefix?: string;
}

/**
 * One list of the service, a page at a time. What is shown is in the view's address, so that Back, reload and a copied
 * address work; only what is shown is loaded, however long the list is. Made by a view that a route opens.
 */
export class ListState<T extends { readonly id: string }> {
  private readonly router = inject(Router);
  private readonly undo = inject(Undo);
  readonly address = toSignal(inject(ActivatedRoute).queryParams, { initialValue: {} as Params });
  readonly cursor = computed(() => String(this.address()[this.at('cursor')] ?? ''));
  /** What is asked of the service, without the place in the list. */
  readonly filter = computed(() => {
    const address = this.address();
    const named = this.options.address.map((name) => [name, address[this.at(name)]]).filter(([, value]) => value);
    return { ...Object.fromEntries(named), ...this.options.asked?.(address) } as Record<string, string>;
  });
  /** Whether anything but an order is asked for. */
  readonly filtered = computed(() => Object.keys(this.filter()).some((name) => name !== 'sort'));
  private readonly question = computed(() => JSON.stringify([this.filter(), this.cursor()]));
  private readonly resource = httpResource<Answer>(() => ({
    url: `${API}/${this.options.of}`,
    params: {
      limit: this.options.limit,
      ...this.filter(),
      ...(this.options.fields && { fields: this.options.fields }),
      ...(this.cursor() && { cursor: this.cursor() }),
    },
  }));
  /** The last answer stays until the next one is there: no flicker while somebody types. */
  private readonly answered = linkedSignal<
    Answer | undefined,
    { readonly answer: Answer; readonly question: string; readonly filter: Record<string, string> } | undefined
  >({
    source: () => (this.resource.hasValue() ? this.resource.value() : undefined),
    computation: (answer, previous) =>
      answer ? { answer, question: this.question(), filter: this.filter() } : previous?.value,
  });

  readonly loading = computed(() => this.resource.isLoading());
  readonly loaded = computed(() => this.answered() !== undefined);
  /** Whether what is shown is not what was asked for. */
  readonly stale = computed(() => this.loaded() && this.answered()!.question !== this.question());
  readonly failure = computed(() => (this.resource.error() ? troubleOf(this.resource.error()) : null));
  readonly total = computed(() => (this.answered()?.answer.total ?? 0) - (this.sent().length - this.entries().length));
  readonly next = computed(() => this.answered()?.answer.next ?? null);
  private readonly sent = computed(() => (this.answered()?.answer[this.options.of] ?? []) as readonly T[]);
  readonly entries = computed(() => this.sent().filter((entry) => !this.undo.isGone(this.url(entry))));
  /** Whether there is, or was, anything to search and to order. */
  readonly several = linkedSignal<boolean, boolean>({
    source: () => this.entries().length > 1 || Object.keys(this.filter()).length > 0,
    computation: (now, previous) => now || !!previous?.value,
  });

  /** Ids of the rows that are marked; another page begins without. */
  private readonly ticked = linkedSignal<string, ReadonlySet<string>>({
    source: this.question,
    computation: () => new Set(),
  });
  readonly marked = computed(() => this.entries().filter((entry) => this.ticked().has(entry.id)));

  /** Asked when they are first wanted: to count all entries takes longer than to list a page. */
  readonly wantsFacets = signal('');
  private readonly counting = httpResource<Answer>(() =>
    this.wantsFacets()
      ? { url: `${API}/${this.options.of}`, params: { limit: 1, ...this.filter(), facets: this.wantsFacets() } }
      : undefined,
  );
  readonly facets = linkedSignal<Answer['facets'], NonNullable<Answer['facets']>>({
    source: () => (this.counting.hasValue() ? this.counting.value().facets : undefined),
    computation: (facets, previous) => facets ?? previous?.value ?? {},
  });

  private destroyed = false;
  private typing: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: ListOptions) {
    inject(DestroyRef).onDestroy(() => {
      clearTimeout(this.typing);
      this.destroyed = true;
    });
  }

  /**
   * The address of the page that begins at a cursor; null: the first one. It is of the list that is shown, since a cursor is
   * of no other, also while another one is on its way.
   */
  page(cursor: string | null): Params {
    const filter = this.answered()?.filter ?? this.filter();
    const named = this.options.address.map((name) => [this.at(name), filter[name] ?? null]);
    return { ...Object.fromEntries(named), [this.at('cursor')]: cursor };
  }

  isMarked(entry: T): boolean {
    return this.ticked().has(entry.id);
  }

  mark(entries: readonly T[], event: Event): void {
    const wanted = (event.target as HTMLInputElement).checked;
    const ids = new Set(this.ticked());
    for (const { id } of entries) {
      if (wanted) ids.add(id);
      else ids.delete(id);
    }
    this.ticked.set(ids);
  }

  /** Ask for something else, from its beginning on. */
  show(params: Params, replaceUrl = false): void {
    clearTimeout(this.typing);
    const named = Object.entries({ ...params, cursor: null }).map(([name, value]) => [this.at(name), value]);
    void this.router.navigate([], {
      queryParams: Object.fromEntries(named),
      queryParamsHandling: 'merge',
      replaceUrl,
    });
  }

  search(event: Event): void {
    const search = (event.target as HTMLInputElement).value.trim() || null;
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.show({ search }, true), TYPING_MS);
  }

  choose(name: string, event: Event): void {
    this.show({ [name]: (event.target as HTMLInputElement | HTMLSelectElement).value || null });
  }

  reload(): void {
    this.resource.reload();
    this.counting.reload();
  }

  /** Delete entries, for good once nobody has taken it back; `shown` is called when they are there again. */
  remove(entries: readonly T[], text: string, shown: () => void): void {
    this.undo.remove(
      text,
      entries.map((entry) => this.url(entry)),
      (undone) => {
        if (undone) shown();
        else if (!this.destroyed) this.reload();
      },
    );
  }

  /** Somebody else has deleted it. */
  leaveOut(entry: T): void {
    this.undo.forget([this.url(entry)]);
    this.reload();
  }

  /** A name as it stands in the address. */
  private at(name: string): string {
    return (this.options.prefix ?? '') + name;
  }

  private url(entry: T): string {
    return `${API}/${this.options.of}/${encodeURIComponent(entry.id)}`;
  }
}
