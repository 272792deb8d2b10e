import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, input, linkedSignal } from '@angular/core';

import { API } from '../api/client';
import { troubleOf } from '../api/problem';
import type { Track, WindowDetail } from '../api/types';
import { DivergenceChartView } from '../charts/divergence-chart';
import { EllipsesChart } from '../charts/ellipses-chart';
import { clock } from '../ui/format';
import { TroubleNote } from '../ui/trouble-note';

/** One window of a track beside all others: where the track sounds like it again. */
@Component({
  selector: 'em-track-windows',
  imports: [DivergenceChartView, EllipsesChart, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'list-view' },
  template: `
    <label class="field">
      {{ words() }}
      <input
        type="range"
        class="cursor-range"
        min="0"
        [max]="track().n_windows - 1"
        [value]="number()"
        [attr.aria-valuetext]="words()"
        (change)="choose($event)"
      />
    </label>
    @if (failure(); as trouble) {
      <em-trouble [trouble]="trouble" retry="Try again" (again)="fetched.reload()" />
    } @else if (shown(); as shown) {
      @if (drawn(); as drawn) {
        <em-divergence-chart
          heading="Where it sounds like this again"
          description="How unlike this window, marked by a line, each other one is. The dot is the one most alike that shares no sound with it; far below the dashed line, the track's average, the track repeats itself."
          found="in the window at"
          beside="the average window"
          [along]="drawn.along"
          [own]="[shown.start_s, shown.end_s]"
        />
        <button type="button" class="button small" (click)="number.set(drawn.alike.number)">
          To the window at {{ clock(drawn.alike.start_s, 1) }}
        </button>
        <em-ellipses
          solid="this window"
          dashed="the one most alike"
          trackTitle="the one most alike"
          [mixtures]="drawn.mixtures"
        />
      } @else {
        <p class="note">No other window can be compared with this one.</p>
      }
    }
  `,
})
export class TrackWindows {
  readonly track = input.required<Track>();

  /** The middle, where most tracks are under way. */
  protected readonly number = linkedSignal(() => this.track().n_windows >> 1);
  protected readonly fetched = httpResource<WindowDetail>(
    () => `${API}/tracks/${this.track().id}/windows/${this.number()}`,
  );
  protected readonly failure = computed(() => {
    const error = this.fetched.error();
    return error ? { ...troubleOf(error), title: 'Windows cannot be compared' } : null;
  });
  /** What arrived last stays while another one is asked for. */
  protected readonly shown = linkedSignal<WindowDetail | undefined, WindowDetail | undefined>({
    source: () => (this.fetched.hasValue() ? this.fetched.value() : undefined),
    computation: (value, previous) => value ?? previous?.value,
  });
  protected readonly drawn = computed(() => {
    const { along, mixture, alike } = this.shown() ?? {};
    return along && mixture && alike
      ? {
          alike,
          along: { ...along, unrelated: along.average! },
          mixtures: { snippet: mixture, track: alike, rival: null },
        }
      : null;
  });
  protected readonly words = computed(() => {
    const [number, shown] = [this.number(), this.shown()];
    const where = shown?.number === number ? `, ${clock(shown.start_s, 1)} to ${clock(shown.end_s, 1)}` : '';
    return `Window ${number + 1} of ${this.track().n_windows}${where}`;
  });

  /** Asked for when the hand lets go: each place on the way would be a request. */
  protected choose(event: Event): void {
    this.number.set(Number((event.target as HTMLInputElement).value));
  }

  protected readonly clock = clock;
}
