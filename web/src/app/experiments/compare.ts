import { HttpClient } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, effect, inject, input, signal } from '@angular/core';
import { RouterLink } from '@angular/router';
import { forkJoin } from 'rxjs';

import { API } from '../api/client';
import { troubleOf, type Trouble } from '../api/problem';
import type { Experiment } from '../api/types';
import { MAX_SERIES } from '../charts/shares';
import { moment } from '../ui/format';
import { TroubleNote } from '../ui/trouble-note';
import { Figures } from './figures';
import { experimentTitle, optionWords } from './words';

/** Experiments beside each other, those of the address. */
@Component({
  selector: 'em-compare',
  imports: [Figures, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="list-view">
      <h1>Experiments compared</h1>
      @if (trouble(); as trouble) {
        <em-trouble [trouble]="trouble" />
      }
      @if (experiments(); as several) {
        <ol class="panel compared">
          @for (one of several; track one.id) {
            <li>
              {{ $index + 1 }}. <a [routerLink]="['/experiments', one.id]">{{ experimentTitle(one) }}</a>
              <span class="row-sub">{{ moment(one.created) }} · {{ optionWords(one) }}</span>
            </li>
          }
        </ol>
        <p class="note">
          Intervals that overlap may be chance, above all where the same snippets were asked. Compare like with like:
          the same files, conditions and seed.
        </p>
        <div class="figures"><em-figures [experiments]="several" /></div>
      } @else if (!trouble()) {
        <p class="loading" role="status">Loading…</p>
      }
      <p><a routerLink="/experiments">All experiments</a></p>
    </div>
  `,
})
export class Compare {
  /** From the address, ids joined by commas. */
  readonly ids = input('');

  private readonly http = inject(HttpClient);
  protected readonly experiments = signal<readonly Experiment[] | null>(null);
  protected readonly trouble = signal<Trouble | null>(null);

  constructor() {
    effect((onCleanup) => {
      const ids = this.ids().split(',').filter(Boolean).slice(0, MAX_SERIES);
      const asked = forkJoin(
        ids.map((id) => this.http.get<Experiment>(`${API}/experiments/${encodeURIComponent(id)}`)),
      );
      const subscription = asked.subscribe({
        next: (several) => this.experiments.set(several),
        error: (error: unknown) => this.trouble.set(troubleOf(error)),
        complete: () => {
          if (!ids.length) this.experiments.set([]);
        },
      });
      onCleanup(() => subscription.unsubscribe());
    });
  }

  protected readonly experimentTitle = experimentTitle;
  protected readonly optionWords = optionWords;
  protected readonly moment = (created: string) => moment(new Date(created));
}
