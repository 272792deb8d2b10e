import { HttpClient } from '@angular/common/http';
import { inject, signal } from '@angular/core';
import { type Subscription, switchMap, takeWhile, timer } from 'rxjs';

import { CatalogueChoice } from '../api/catalogue';
import { API } from '../api/client';
import { troubleOf, type Trouble } from '../api/problem';
import type { Duplicates } from '../api/types';
import { Announcer } from '../ui/announcer';

const POLL_MS = 700;

/** A search for tracks that share sound: started, followed to its end, and its pairs. Provided by each view. */
export class DuplicateSearch {
  private readonly http = inject(HttpClient);
  private readonly choice = inject(CatalogueChoice);
  private readonly announcer = inject(Announcer);
  private running: Subscription | undefined;

  readonly found = signal<Duplicates | null>(null);
  readonly busy = signal(false);
  readonly trouble = signal<Trouble | null>(null);

  /** Look among all tracks of the catalogue, or only for what is like some of them. */
  start(track_ids: readonly string[] = [], catalogue = this.choice.name()): void {
    this.running?.unsubscribe();
    this.busy.set(true);
    this.trouble.set(null);
    this.announcer.say('Looking for tracks that are the same.');
    this.running = this.http
      .post<Duplicates>(`${API}/duplicates`, { track_ids, ...(catalogue && { catalogue }) })
      .pipe(
        switchMap((job) =>
          timer(0, POLL_MS).pipe(
            switchMap(() => this.http.get<Duplicates>(`${API}/duplicates/${encodeURIComponent(job.id)}`)),
            takeWhile((state) => state.status !== 'done', true),
          ),
        ),
      )
      .subscribe({
        next: (state) => {
          if (state.status !== 'done') return;
          this.busy.set(false);
          this.found.set(state);
          this.announcer.say(`${state.found} ${state.found === 1 ? 'pair' : 'pairs'} found.`);
          if (state.error)
            this.trouble.set({ name: state.error.name, title: 'The search failed', detail: state.error.message });
        },
        error: (error: unknown) => {
          this.busy.set(false);
          this.trouble.set(troubleOf(error));
        },
      });
  }

  stop(): void {
    this.running?.unsubscribe();
  }

  /** Leave out every pair of a track that went into another. */
  forget(id: string): void {
    this.found.update((found) =>
      found
        ? { ...found, pairs: found.pairs.filter((pair) => pair.a.track_id !== id && pair.b.track_id !== id) }
        : null,
    );
  }
}
