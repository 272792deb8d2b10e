import { HttpClient, httpResource } from '@angular/common/http';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  ElementRef,
  inject,
  Injector,
  linkedSignal,
  signal,
} from '@angular/core';
import { RouterLink } from '@angular/router';

import { API } from '../api/client';
import { Me } from '../api/me';
import { troubleOf, type Trouble } from '../api/problem';
import type { DuplicatePair, Merged, Track } from '../api/types';
import { Announcer } from '../ui/announcer';
import { focusAt } from '../ui/focus';
import { clock, moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { Undo } from '../ui/undo';
import { DuplicateSearch } from './duplicate-search';
import { LibraryParts } from './library-parts';
import { relationWords, shares, stretches } from './pairs';

type MergedTrack = Merged['merges'][number];

/** Tracks that share sound: merge those that are one, and take merges back. */
@Component({
  selector: 'em-duplicates',
  imports: [Icon, LibraryParts, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './duplicates.html',
  providers: [DuplicateSearch],
})
export class DuplicatesView {
  private readonly http = inject(HttpClient);
  private readonly undo = inject(Undo);
  private readonly injector = inject(Injector);
  private readonly announcer = inject(Announcer);
  private readonly element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  protected readonly search = inject(DuplicateSearch);
  protected readonly me = inject(Me);

  private readonly resource = httpResource<Merged>(() => (this.me.may('edit') ? `${API}/merges` : undefined));
  protected readonly merges = linkedSignal<readonly MergedTrack[], readonly MergedTrack[]>({
    source: () => (this.resource.hasValue() ? this.resource.value().merges : []),
    computation: (value) => value,
  });
  protected readonly pairs = computed(() => this.search.found()?.pairs ?? []);
  protected readonly saving = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);

  constructor() {
    inject(DestroyRef).onDestroy(() => this.search.stop());
  }

  /** Let one of the pair go on for both. */
  protected merge(pair: DuplicatePair, keep: 'a' | 'b'): void {
    const row = this.pairs().indexOf(pair);
    const [kept, gone] = keep === 'a' ? [pair.a, pair.b] : [pair.b, pair.a];
    this.saving.set(true);
    this.trouble.set(null);
    this.http
      .post<Track>(`${API}/tracks/${encodeURIComponent(kept.track_id)}/merge`, { tracks: [gone.track_id] })
      .subscribe({
        next: (track) => {
          this.saving.set(false);
          const found = this.search.found();
          this.undo.done(
            `“${gone.title}” went into “${track.title}”.`,
            () => this.http.delete<Track>(`${API}/merges/${encodeURIComponent(gone.track_id)}`),
            () => {
              this.search.found.set(found);
              this.resource.reload();
              this.focusOn('.pair .keep', 2 * row);
            },
          );
          this.search.forget(gone.track_id);
          this.resource.reload();
          this.focusOn('.pair .keep', 2 * row);
        },
        error: (error: unknown) => {
          this.saving.set(false);
          this.trouble.set(troubleOf(error));
        },
      });
  }

  protected bringBack(merged: MergedTrack): void {
    const row = this.merges().indexOf(merged);
    this.saving.set(true);
    this.trouble.set(null);
    this.http.delete<Track>(`${API}/merges/${encodeURIComponent(merged.track.id)}`).subscribe({
      next: (track) => {
        this.saving.set(false);
        this.announcer.say(`${track.title} is a track of its own again.`);
        this.merges.update((merges) => merges.filter((other) => other !== merged));
        this.focusOn('.undo', row);
      },
      error: (error: unknown) => {
        this.saving.set(false);
        this.trouble.set(troubleOf(error));
      },
    });
  }

  private focusOn(buttons: string, row: number): void {
    afterNextRender(() => focusAt(this.element, buttons, row, this.element.querySelector<HTMLElement>('.look')), {
      injector: this.injector,
    });
  }

  protected at(merged: MergedTrack): string {
    return moment(new Date(merged.merged));
  }

  protected readonly clock = clock;
  protected readonly relationWords = relationWords;
  protected readonly shares = shares;
  protected readonly stretches = stretches;
}
