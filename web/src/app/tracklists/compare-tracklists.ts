import { HttpClient } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, effect, inject, input, signal } from '@angular/core';
import { RouterLink } from '@angular/router';
import { forkJoin } from 'rxjs';

import { API } from '../api/client';
import { troubleOf, type Trouble } from '../api/problem';
import type { Tracklist } from '../api/types';
import { TracklistChartView } from '../charts/tracklist-chart';
import { moment } from '../ui/format';
import { gradually } from '../ui/gradually';
import { TroubleNote } from '../ui/trouble-note';
import { differencesOf, differenceWords } from './differences';
import { segmentName, span, statusWords } from './segments';

/** Lengths of one recording that was listened to twice differ by no more, seconds. */
const SAME_S = 2;
/** Rows that are added with one picture. */
const STEP = 60;

/** Two tracklists beside each other, those of the address: on one time axis, with all that differs. */
@Component({
  selector: 'em-compare-tracklists',
  imports: [RouterLink, TracklistChartView, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="list-view">
      <h1>Tracklists compared</h1>
      @if (trouble(); as trouble) {
        <em-trouble [trouble]="trouble" />
      }
      @if (both(); as both) {
        <ul class="panel compared">
          @for (one of both; track $index) {
            <li>
              {{ letters[$index] }}: <a [routerLink]="['/tracklists', one.id]">{{ one.monitor || one.file }}</a>&ngsp;
              <span class="row-sub">{{ moment(one.created) }} · {{ statusWords(one) }} · {{ one.catalogue }}</span>
            </li>
          }
        </ul>
        @if (apart()) {
          <p class="notice">Their lengths differ: these may be two recordings.</p>
        }
        <em-tracklist-chart
          class="panel"
          [segments]="both[0]!.segments"
          [beneath]="both[1]!.segments"
          [duration_s]="length()"
        />
        <section class="panel" aria-labelledby="differences-heading">
          <h2 id="differences-heading">What differs</h2>
          <p role="status">{{ sentence() }}</p>
          @if (found().differences.length) {
            <div class="table-scroll" tabindex="0" role="region" aria-label="Differences, table">
              <table>
                <thead>
                  <tr>
                    <th scope="col">When</th>
                    <th scope="col">A</th>
                    <th scope="col">B</th>
                    <th scope="col">Difference</th>
                  </tr>
                </thead>
                <tbody>
                  @for (row of rows(); track $index) {
                    <tr>
                      <th scope="row">{{ span((row.first ?? row.second)!) }}</th>
                      <td>{{ row.first ? segmentName(row.first) : '–' }}</td>
                      <td>{{ row.second ? segmentName(row.second) : '–' }}</td>
                      <td>{{ differenceWords(row) }}</td>
                    </tr>
                  }
                </tbody>
              </table>
            </div>
          }
        </section>
      } @else if (!trouble()) {
        <p class="loading" role="status">Loading…</p>
      }
      <p><a routerLink="/tracklists">All tracklists</a></p>
    </div>
  `,
})
export class CompareTracklists {
  /** From the address, two ids joined by a comma. */
  readonly ids = input('');

  private readonly http = inject(HttpClient);
  protected readonly both = signal<readonly Tracklist[] | null>(null);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly letters = ['A', 'B'];
  protected readonly length = computed(() => Math.max(...this.both()!.map((one) => one.duration_s)));
  protected readonly apart = computed(() => this.both()!.some((one) => one.duration_s < this.length() - SAME_S));
  protected readonly found = computed(() => differencesOf(this.both()![0]!.segments, this.both()![1]!.segments));
  protected readonly rows = gradually(() => (this.both() ? this.found().differences : []), STEP);
  protected readonly sentence = computed(() => {
    const { differences, alike } = this.found();
    const several = differences.length;
    const said = several ? `${several} ${several === 1 ? 'difference' : 'differences'}` : 'Nothing differs';
    return `${said}; ${alike} ${alike === 1 ? 'stretch is' : 'stretches are'} the same.`;
  });

  constructor() {
    effect((onCleanup) => {
      const ids = this.ids().split(',').filter(Boolean);
      this.both.set(null);
      this.trouble.set(null);
      if (ids.length !== 2)
        return this.trouble.set({
          name: 'two_tracklists',
          title: 'Two tracklists can be compared',
          detail: 'Mark two in the list of tracklists.',
        });
      const asked = ids.map((id) => this.http.get<Tracklist>(`${API}/tracklists/${encodeURIComponent(id)}`));
      const subscription = forkJoin(asked).subscribe({
        next: (both) => this.both.set(both),
        error: (error: unknown) => this.trouble.set(troubleOf(error)),
      });
      onCleanup(() => subscription.unsubscribe());
    });
  }

  protected readonly differenceWords = differenceWords;
  protected readonly moment = (created: string) => moment(new Date(created));
  protected readonly segmentName = segmentName;
  protected readonly span = span;
  protected readonly statusWords = statusWords;
}
