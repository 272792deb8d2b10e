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
  signal,
  viewChild,
} from '@angular/core';
import { Router, RouterLink } from '@angular/router';
import type { Subscription } from 'rxjs';

import { API, Api } from '../api/client';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { ExperimentEntry, ExperimentQuery, Experiments as Page } from '../api/types';
import { MAX_SERIES } from '../charts/shares';
import { Announcer } from '../ui/announcer';
import { Confirm } from '../ui/confirm';
import { focusAt } from '../ui/focus';
import { moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { experimentTitle, optionWords, stateWords, tableOf } from './words';

const PAGE = 20;
const LOOK_MS = 2000;
export const PRESETS = ['components-iterations-block', 'components-block-overlap', 'covariance'] as const;

/** What is to be found out, as people choose it. */
type What = 'songs' | 'recordings' | 'sweep';

/** How well catalogues answer: begin an experiment, follow those that run, choose some to compare. */
@Component({
  selector: 'em-experiments',
  imports: [Confirm, Icon, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './experiments.html',
})
export class Experiments {
  private readonly http = inject(HttpClient);
  private readonly api = inject(Api);
  private readonly announcer = inject(Announcer);
  private readonly router = inject(Router);
  private readonly injector = inject(Injector);
  private readonly element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  private readonly confirm = viewChild.required(Confirm);

  // --- those there are -------------------------------------------------------------------------------------
  protected readonly entries = signal<readonly ExperimentEntry[]>([]);
  private readonly cursor = signal<string | null>(null);
  protected readonly more = computed(() => this.cursor() !== null);
  protected readonly loaded = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly chosen = signal<readonly string[]>([]);
  protected readonly doomed = signal<ExperimentEntry | null>(null);

  // --- a new one -------------------------------------------------------------------------------------------
  private readonly catalogues = httpResource<{ catalogues: { name: string }[] }>(() => `${API}/catalogues`);
  protected readonly catalogueNames = computed(() =>
    this.catalogues.hasValue() ? this.catalogues.value().catalogues.map((one) => one.name) : [],
  );
  protected readonly what = signal<What>('songs');
  protected readonly files = signal<readonly File[]>([]);
  /** Of which track each recording is, by file name. */
  protected readonly tracks = signal<Readonly<Record<string, string>>>({});
  protected readonly sending = signal(false);
  protected readonly sent = signal(0);
  protected readonly refusal = signal<Trouble | null>(null);
  private upload: Subscription | null = null;

  constructor() {
    this.load(null);
    const timer = setInterval(() => {
      if (this.entries().some((entry) => entry.status === 'running')) this.load(null);
    }, LOOK_MS);
    inject(DestroyRef).onDestroy(() => {
      clearInterval(timer);
      this.upload?.unsubscribe();
    });
  }

  protected showOlder(): void {
    this.load(this.cursor());
  }

  protected load(cursor: string | null): void {
    this.http.get<Page>(`${API}/experiments`, { params: { limit: PAGE, ...(cursor && { cursor }) } }).subscribe({
      next: (page) => {
        const fresh = new Set(page.experiments.map((entry) => entry.id));
        const others = this.entries().filter((entry) => !fresh.has(entry.id));
        const oldest = page.experiments[page.experiments.length - 1]?.id ?? '';
        if (cursor !== null) this.entries.set([...others, ...page.experiments]);
        else this.entries.set([...page.experiments, ...(page.next ? others.filter((entry) => entry.id < oldest) : [])]);
        if (cursor !== null || this.cursor() === null || !page.next) this.cursor.set(page.next);
        this.trouble.set(null);
        this.loaded.set(true);
      },
      error: (error: unknown) => this.trouble.set(troubleOf(error)),
    });
  }

  protected mark(entry: ExperimentEntry, event: Event): void {
    const wanted = (event.target as HTMLInputElement).checked;
    this.chosen.update((ids) => [...ids.filter((id) => id !== entry.id), ...(wanted ? [entry.id] : [])]);
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    this.files.set([...(input.files ?? [])]);
    this.tracks.set(Object.fromEntries(this.files().map((file) => [file.name, file.name.replace(/\.[^.]*$/, '')])));
    input.value = '';
  }

  protected name(file: File, event: Event): void {
    const track = (event.target as HTMLInputElement).value;
    this.tracks.update((tracks) => ({ ...tracks, [file.name]: track }));
  }

  protected submit(event: Event): void {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? '').trim();
    const [what, files] = [this.what(), this.files()];
    const query: ExperimentQuery = {
      kind: what === 'sweep' ? 'sweep' : 'validate',
      ...(what !== 'sweep' && { catalogue: text('catalogue') }),
      ...(what !== 'recordings' && {
        cut: Number(text('cut')),
        conditions: text('conditions'),
        length: Number(text('length')),
      }),
      ...(what === 'sweep' && {
        preset: (text('preset') || undefined) as ExperimentQuery['preset'],
        grid: text('grid'),
        unknown: Number(text('unknown')),
      }),
      seed: Number(text('seed')),
    };
    const rows = files.map((file) => ({ file: file.name, track: this.tracks()[file.name]?.trim() ?? '' }));
    this.sending.set(true);
    this.sent.set(0);
    this.refusal.set(null);
    this.announcer.say('Sending.');
    this.upload = this.api.postExperiment(files, what === 'recordings' ? tableOf(rows) : '', query).subscribe({
      next: (progress) => {
        if (progress.kind === 'sent') this.sent.set(progress.total ? progress.loaded / progress.total : 0);
        if (progress.kind === 'answer') {
          this.announcer.say('The experiment has begun.');
          void this.router.navigate(['/experiments', progress.answer.id]);
        }
      },
      error: (error: unknown) => {
        this.sending.set(false);
        this.refusal.set(troubleOf(error));
      },
    });
  }

  protected ask(entry: ExperimentEntry): void {
    this.doomed.set(entry);
    this.confirm().ask();
  }

  protected delete(): void {
    const entry = this.doomed();
    if (!entry) return;
    this.api.deleteExperiment(entry.id).subscribe({
      next: () => this.leaveOut(entry, 'Experiment deleted.'),
      error: (error: unknown) =>
        isGone(error) ? this.leaveOut(entry, 'It was already deleted.') : this.trouble.set(troubleOf(error)),
    });
  }

  private leaveOut(entry: ExperimentEntry, said: string): void {
    const row = this.entries().findIndex((other) => other.id === entry.id);
    this.entries.update((entries) => entries.filter((other) => other.id !== entry.id));
    this.chosen.update((ids) => ids.filter((id) => id !== entry.id));
    this.announcer.say(said);
    afterNextRender(
      () => focusAt(this.element, '.rows .delete', row, this.element.querySelector<HTMLElement>('summary')),
      { injector: this.injector },
    );
  }

  protected readonly presets = PRESETS;
  protected readonly most = MAX_SERIES;
  protected readonly experimentTitle = experimentTitle;
  protected readonly optionWords = optionWords;
  protected readonly stateWords = stateWords;
  protected readonly moment = (created: string) => moment(new Date(created));
}
