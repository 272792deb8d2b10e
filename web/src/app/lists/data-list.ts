import { NgTemplateOutlet } from '@angular/common';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  ElementRef,
  inject,
  Injector,
  input,
  output,
  type TemplateRef,
  untracked,
} from '@angular/core';
import { RouterLink } from '@angular/router';

import { focusAt } from '../ui/focus';
import { count } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import type { Counted, ListState } from './list-state';
import type { RowContext } from './row';

/** A choice among values that the service counts. */
export interface Facet {
  readonly name: string;
  readonly words: string;
  /** Whether entries have several values, of which several can be asked for. */
  readonly several?: boolean;
}

/**
 * A list of the service: search, order, choices, rows to mark and delete, pages, and what is said while it is empty,
 * asked for or refused. Templates of the view say what a row shows, and what stands beside the list.
 */
@Component({
  selector: 'em-data-list',
  imports: [Icon, NgTemplateOutlet, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './data-list.html',
})
export class DataList<T extends { readonly id: string }> {
  private readonly element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  private readonly injector = inject(Injector);

  readonly list = input.required<ListState<T>>();
  /** What the entries are, in the plural. */
  readonly things = input.required<string>();
  /** What is searched; empty: nothing can be. */
  readonly searched = input('');
  /** Orders by name; the first one needs no name. */
  readonly orders = input<readonly (readonly [string, string])[]>([]);
  readonly choices = input<readonly Facet[]>([]);
  /** Heading of the group that an entry belongs to; entries of a group follow each other. */
  readonly group = input<(entry: T) => string>(() => '');
  readonly rowsClass = input('');
  /** Whether rows can be marked and deleted. */
  readonly changeable = input(false);
  /** What a row is called, for those who cannot see where its buttons stand. */
  readonly called = input<(entry: T) => string>(() => '');
  /** What is said if nothing is like what was asked for. */
  readonly nothing = input('Nothing is like that.');
  readonly pages = input<readonly [string, string]>(['To the beginning', 'Further']);
  /** A row between its mark and its buttons. */
  readonly row = input.required<TemplateRef<RowContext<T>>>();
  /** Beside the search; beside the marks; while there is nothing at all. */
  readonly tools = input<TemplateRef<unknown>>();
  readonly actions = input<TemplateRef<unknown>>();
  readonly empty = input.required<TemplateRef<unknown>>();
  readonly verb = input('Delete');
  /** What is said of entries that were just deleted; without it, the view deletes what `removed` names. */
  readonly deleted = input<(entries: readonly T[]) => string>();
  readonly removed = output<readonly T[]>();

  protected readonly groups = computed(() => {
    const groups: { name: string; entries: T[] }[] = [];
    for (const entry of this.list().entries()) {
      const name = this.group()(entry);
      const last = groups[groups.length - 1];
      if (last?.name === name) last.entries.push(entry);
      else groups.push({ name, entries: [entry] });
    }
    return groups;
  });
  protected readonly narrowed = computed(() => this.choices().some((facet) => this.list().filter()[facet.name]));

  constructor() {
    // The link to the next page may be gone with this one: the list takes the focus then.
    let page: string | undefined;
    effect(() => {
      const [cursor, waits] = [this.list().cursor(), this.list().stale()];
      if (waits || cursor === page) return;
      const turned = page !== undefined;
      page = cursor;
      if (turned && !untracked(this.busyElsewhere))
        afterNextRender(() => this.element.querySelector<HTMLElement>('.found')?.focus(), { injector: this.injector });
    });
  }

  private readonly busyElsewhere = () => {
    const active = document.activeElement;
    return active !== document.body && active !== this.element && !active?.closest('.pages');
  };

  /** Focus the button that took the place of one whose row is gone. */
  focusRow(row: number): void {
    afterNextRender(
      () => focusAt(this.element, '.rows .delete', row, this.element.querySelector<HTMLElement>('.found')),
      { injector: this.injector },
    );
  }

  protected remove(entries: readonly T[]): void {
    const [row, deleted] = [this.list().entries().indexOf(entries[0]!), this.deleted()];
    this.removed.emit(entries);
    if (!deleted) return;
    this.list().remove(entries, deleted(entries), () => this.focusRow(row));
    this.focusRow(row);
  }

  protected wantFacets(event: Event): void {
    if ((event.target as HTMLDetailsElement).open)
      this.list().wantsFacets.set(
        this.choices()
          .map((facet) => facet.name)
          .join(','),
      );
  }

  protected chosen(facet: Facet): readonly string[] {
    const asked = this.list().filter()[facet.name];
    return asked ? (facet.several ? asked.split(',') : [asked]) : [];
  }

  /** What can be chosen: what is there, what was chosen, and no value that commas would tear apart. */
  protected values(facet: Facet): readonly Counted[] {
    const found = (this.list().facets()[facet.name] ?? []).filter(({ value }) => value);
    const chosen = this.chosen(facet);
    if (facet.several) return found.filter(({ value }) => !chosen.includes(value!) && !value!.includes(','));
    return found.some(({ value }) => value === chosen[0]) || !chosen.length
      ? found
      : [{ value: chosen[0]!, count: 0 }, ...found];
  }

  protected choose(facet: Facet, event: Event): void {
    if (!facet.several) return this.list().choose(facet.name, event);
    const select = event.target as HTMLSelectElement;
    this.list().show({ [facet.name]: [...this.chosen(facet), select.value].join(',') });
    select.value = '';
  }

  protected drop(facet: Facet, value: string): void {
    const others = this.chosen(facet).filter((other) => other !== value);
    this.list().show({ [facet.name]: others.join(',') || null });
    this.element.querySelector<HTMLElement>(`.filter [name="${facet.name}"]`)?.focus();
  }

  /** `genre: jazz`, as it is said. */
  protected readonly words = (value: string) => value.replace(/^([a-z0-9-]+):(?=\S)/, '$1: ');
  protected readonly count = count;
}
