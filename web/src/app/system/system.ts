import { HttpClient, HttpErrorResponse } from '@angular/common/http';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  ElementRef,
  inject,
  Injector,
  signal,
} from '@angular/core';
import { RouterLink } from '@angular/router';

import { API } from '../api/client';
import { optional } from '../api/key';
import { Me } from '../api/me';
import { troubleOf, type Trouble } from '../api/problem';
import type { JobEntry, Jobs } from '../api/types';
import { WORDS } from '../api/words';
import { type BarRow } from '../charts/bars';
import { BarsChartView } from '../charts/bars-chart';
import { type Moment } from '../charts/series';
import { SeriesChartView } from '../charts/series-chart';
import { Announcer } from '../ui/announcer';
import { focusAt } from '../ui/focus';
import { count, duration } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { DevicesTable } from '../views/devices';
import { keptFacts } from './kept';
import { byLabel, type Sample, samples, spreads, total } from './metrics';

const LOOK_MS = 5000;
const MOST_MOMENTS = 120;
const MOST_ROUTES = 60;

interface Ready {
  readonly ready?: boolean;
  readonly checks?: Readonly<Record<string, string>>;
  readonly tracks_missing?: number;
}

/** How the service is: in words, then in figures, looked up again every few seconds. */
@Component({
  selector: 'em-system',
  imports: [BarsChartView, DevicesTable, Icon, RouterLink, SeriesChartView, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './system.html',
})
export class System {
  private readonly http = inject(HttpClient);
  private readonly announcer = inject(Announcer);
  private readonly injector = inject(Injector);
  private readonly element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  protected readonly me = inject(Me);

  protected readonly ready = signal<Ready | null>(null);
  private readonly all = signal<readonly Sample[] | null>(null);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly requests = signal<readonly Moment[]>([]);
  protected readonly waiting = signal<readonly Moment[]>([]);
  private before: { readonly at: number; readonly requests: number } | null = null;
  private started = performance.now();

  protected readonly loaded = computed(() => this.all() !== null);
  protected readonly version = computed(
    () => this.all()?.find((one) => one.name === 'earmark_build_info')?.labels['version'] ?? '',
  );
  /** Health, a sentence each: what is well, what is not. */
  protected readonly health = computed(() => {
    const ready = this.ready();
    if (!ready) return [];
    const checks = Object.entries(ready.checks ?? {});
    const bad = checks.filter(([, state]) => state !== 'ok');
    const missing = ready.tracks_missing ?? 0;
    return [
      ...(bad.length
        ? bad.map(([name, state]) => ({ well: false, text: `The ${PARTS[name] ?? name} is not ready: ${state}.` }))
        : [{ well: true, text: 'Everything is ready: store, index and decoder.' }]),
      ...(missing
        ? [
            {
              well: false,
              text: `${count(missing)} tracks cannot be found yet. If that lasts, “earmark doctor” names those that are damaged.`,
            },
          ]
        : [{ well: true, text: 'Every track of the library can be found.' }]),
    ];
  });
  protected readonly kept = computed(() => keptFacts(this.me.limits()));
  protected readonly catalogues = computed(() => byLabel(this.all() ?? [], 'earmark_tracks', 'catalogue'));
  protected readonly jobs = computed(() =>
    ['running', 'queued', 'done'].map((status) => ({
      status,
      n: total(this.all() ?? [], 'earmark_jobs', { status }),
    })),
  );
  /** Those that wait or run. */
  protected readonly unfinished = signal<readonly JobEntry[]>([]);
  protected readonly stages = computed(() => spreads(this.all() ?? [], 'earmark_stage_seconds', 'stage'));
  protected readonly stageRows = computed<BarRow[]>(() =>
    this.stages().map((stage) => ({ name: stage.name, value: stage.median, text: duration(stage.median) })),
  );
  protected readonly routes = computed(() =>
    spreads(this.all() ?? [], 'earmark_request_seconds', 'route').slice(0, MOST_ROUTES),
  );
  protected readonly verdictRows = computed<BarRow[]>(() =>
    byLabel(this.all() ?? [], 'earmark_verdicts_total', 'verdict').map(({ name, value }) => ({
      name: VERDICTS[name] ?? name,
      value,
      text: count(value),
    })),
  );
  protected readonly problems = computed(() =>
    byLabel(this.all() ?? [], 'earmark_problems_total', 'name').map(({ name, value }) => ({
      title: (WORDS as Readonly<Record<string, { title: string }>>)[name]?.title ?? name,
      value,
    })),
  );

  constructor() {
    this.look();
    const timer = setInterval(() => {
      if (!document.hidden) this.look();
    }, LOOK_MS);
    inject(DestroyRef).onDestroy(() => clearInterval(timer));
  }

  protected look(): void {
    this.http.get<Ready>('/readyz').subscribe({
      next: (ready) => this.ready.set(ready),
      // Not ready is an answer, too: the document says what is missing.
      error: (error: unknown) => {
        const body = error instanceof HttpErrorResponse ? (error.error as Ready | null) : null;
        if (body?.checks) this.ready.set(body);
      },
    });
    // Whoever may not see jobs sees the rest.
    this.http
      .get<Jobs>(`${API}/jobs`, { context: optional() })
      .subscribe({ next: ({ jobs }) => this.unfinished.set(jobs), error: () => this.unfinished.set([]) });
    this.http.get('/metrics', { responseType: 'text' }).subscribe({
      next: (text) => {
        this.trouble.set(null);
        this.note(samples(text));
      },
      error: (error: unknown) => this.trouble.set(troubleOf(error)),
    });
  }

  /** What it has done so far stays. */
  protected stop(job: JobEntry): void {
    const row = this.unfinished().indexOf(job);
    this.http.delete(`${API}/jobs/${encodeURIComponent(job.id)}`).subscribe({
      next: () => {
        this.announcer.say('Stopped. What it has done stays.');
        this.unfinished.update((jobs) => jobs.filter((other) => other.id !== job.id));
        const heading = this.element.querySelector<HTMLElement>('#jobs-heading');
        afterNextRender(() => focusAt(this.element, '.stop-job', row, heading), { injector: this.injector });
      },
      error: (error: unknown) => this.trouble.set(troubleOf(error)),
    });
  }

  private note(all: readonly Sample[]): void {
    const at = (performance.now() - this.started) / 1000;
    const requests = total(all, 'earmark_requests_total');
    const before = this.before;
    if (before && at > before.at) {
      // A restarted service counts from zero again.
      const rate = Math.max(0, requests - before.requests) / (at - before.at);
      this.requests.update((moments) => [...moments, { at, value: 60 * rate }].slice(-MOST_MOMENTS));
    }
    this.waiting.update((moments) =>
      [...moments, { at, value: total(all, 'earmark_snippets_in_work') }].slice(-MOST_MOMENTS),
    );
    this.before = { at, requests };
    this.all.set(all);
  }

  protected readonly jobWords = JOBS;
  protected readonly count = count;
  protected readonly duration = duration;
}

const JOBS: Readonly<Record<JobEntry['kind'], string>> = {
  copy: 'Copying a catalogue',
  duplicates: 'Looking for duplicates',
  enroll: 'Adding tracks',
  experiment: 'An experiment',
  label: 'Labelling tracks',
  map: 'Drawing the map',
  tracklist: 'Listening to a long recording',
  train: 'Training a model',
  webhook: 'Announcing',
};
const PARTS: Readonly<Record<string, string>> = { store: 'store', index: 'index', decoder: 'decoder' };
const VERDICTS: Readonly<Record<string, string>> = {
  identified: 'Identified',
  ambiguous: 'Ambiguous',
  no_match: 'No match',
};
