import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, DestroyRef, inject, signal } from '@angular/core';
import { Router, RouterLink } from '@angular/router';
import type { Subscription } from 'rxjs';

import { API, Api } from '../api/client';
import { troubleOf, type Trouble } from '../api/problem';
import type { ExperimentEntry, ExperimentQuery } from '../api/types';
import { MAX_SERIES } from '../charts/shares';
import { DataList } from '../lists/data-list';
import { ListState } from '../lists/list-state';
import { Row } from '../lists/row';
import { Announcer } from '../ui/announcer';
import { moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { deletedWords, experimentTitle, optionWords, stateWords, tableOf } from './words';

const LOOK_MS = 2000;
export const PRESETS = ['components-iterations-block', 'components-block-overlap', 'covariance'] as const;

/** What is to be found out, as people choose it. */
type What = 'songs' | 'recordings' | 'sweep';

/** How well catalogues answer: begin an experiment, follow those that run, choose some to compare. */
@Component({
  selector: 'em-experiments',
  imports: [DataList, Icon, RouterLink, Row, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './experiments.html',
})
export class Experiments {
  private readonly api = inject(Api);
  private readonly announcer = inject(Announcer);
  private readonly router = inject(Router);

  // --- those there are -------------------------------------------------------------------------------------
  protected readonly list = new ListState<ExperimentEntry>({
    of: 'experiments',
    limit: 50,
    address: ['search', 'sort'],
  });
  protected readonly orders = [
    ['-created', 'Newest first'],
    ['created', 'Oldest first'],
    ['-identified', 'Most named rightly'],
    ['-wrong', 'Most named wrongly'],
    ['catalogue', 'Catalogue'],
  ] as const;
  /** Ids of those that are marked, oldest first, if they can be compared; else nothing. */
  protected readonly comparable = computed(() => {
    const marked = this.list.marked();
    const fit = marked.length > 1 && marked.length <= MAX_SERIES && marked.every(({ status }) => status === 'done');
    // Ids begin with their time.
    return fit
      ? marked
          .map(({ id }) => id)
          .sort()
          .join(',')
      : '';
  });

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
    const timer = setInterval(() => {
      if (this.list.entries().some((entry) => entry.status === 'running')) this.list.reload();
    }, LOOK_MS);
    inject(DestroyRef).onDestroy(() => {
      clearInterval(timer);
      this.upload?.unsubscribe();
    });
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

  protected readonly called = (entry: ExperimentEntry) => `${experimentTitle(entry)}, ${this.moment(entry.created)}`;
  protected readonly deleted = (entries: readonly ExperimentEntry[]) => deletedWords(entries);
  protected readonly presets = PRESETS;
  protected readonly most = MAX_SERIES;
  protected readonly experimentTitle = experimentTitle;
  protected readonly optionWords = optionWords;
  protected readonly stateWords = stateWords;
  protected readonly moment = (created: string) => moment(new Date(created));
}
