import { HttpClient } from '@angular/common/http';
import { computed, inject, Injectable, signal } from '@angular/core';
import { concatMap, from, type Observable, of, type Subscription, tap, catchError } from 'rxjs';

import { Api, API, type Progress } from '../api/client';
import { Me } from '../api/me';
import { troubleOf, type Trouble } from '../api/problem';
import type { LabelModel, LabelModels, Labels, SoundTags } from '../api/types';
import { WORDS } from '../api/words';
import { tellsValence } from './mood';

/** What the models that ship hear with; `Me` knows whether it is there. */
const NETWORK = 'musicnn-msd';
/** Said where it is not. */
export const NO_NETWORK: Trouble = {
  name: 'weights_missing',
  title: WORDS.weights_missing.title,
  detail: WORDS.weights_missing.detail ?? '',
};
/** Seconds of a stretch, where it is also told over time. */
const STRETCH_S = 5;
/** Troubles of one question that say nothing about the others. */
const OWN = ['weights_missing', 'model_not_found', 'invalid_model', 'invalid_config'];

/** One recording and what is said of it: tags, then what each model calls it, then its picture. */
@Injectable()
export class Asking {
  private readonly api = inject(Api);
  private readonly http = inject(HttpClient);
  private readonly me = inject(Me);
  private running: Subscription | null = null;

  readonly name = signal('');
  readonly busy = signal(false);
  /** What is being done, for people. */
  readonly step = signal('');
  readonly tags = signal<SoundTags | null>(null);
  readonly answers = signal<readonly Labels[]>([]);
  /** Address of the spectrogram in this browser. */
  readonly picture = signal('');
  /** Each trouble once, however many questions it stopped. */
  readonly troubles = signal<readonly Trouble[]>([]);
  readonly empty = computed(() => !this.tags() && !this.answers().length && !this.picture());

  /** Ask about a recording; `drawn`: over time, too, and for its picture. */
  ask(recording: Blob, name: string, drawn: boolean): void {
    this.forget();
    this.name.set(name);
    this.busy.set(true);
    const hears = this.me.may('labels');
    if (!hears) this.complain(NO_NETWORK);
    this.step.set('Asking which models there are');
    this.running = this.http
      .get<LabelModels>(`${API}/label-models`)
      .pipe(
        catchError((error: unknown) => this.own(error, { models: [], next: null } as LabelModels)),
        concatMap(({ models }) => {
          const usable = models.filter((model) => !model.fault && (hears || !needsNetwork(model)));
          const tasks = [...new Set(usable.map((model) => model.task))];
          return from([
            ...(hears
              ? [
                  () =>
                    this.question(this.api.postTags(recording, name, drawn ? STRETCH_S : undefined), 'tags', (tags) =>
                      this.tags.set(tags),
                    ),
                ]
              : []),
            ...tasks.map((task) => () => {
              const active = usable.find((model) => model.task === task && model.active);
              const every = drawn && tellsValence(active?.labels ?? []) ? STRETCH_S : undefined;
              return this.question(this.api.postLabels(task, recording, name, every), task, (answer) =>
                this.answers.update((answers) => [...answers, answer]),
              );
            }),
            ...(drawn ? [() => this.draw(recording, name)] : []),
          ]);
        }),
        // One after the other: what was decoded for the first is remembered for the next.
        concatMap((question) => question()),
      )
      .subscribe({
        error: (error: unknown) => {
          this.complain(troubleOf(error));
          this.busy.set(false);
        },
        complete: () => this.busy.set(false),
      });
  }

  /** Drop what is under way and what was shown. */
  forget(): void {
    this.running?.unsubscribe();
    this.running = null;
    if (this.picture()) URL.revokeObjectURL(this.picture());
    this.busy.set(false);
    this.name.set('');
    this.tags.set(null);
    this.answers.set([]);
    this.picture.set('');
    this.troubles.set([]);
  }

  private question<T>(asked: Observable<Progress<T>>, what: string, take: (answer: T) => void): Observable<unknown> {
    return asked.pipe(
      tap((progress) => {
        if (progress.kind === 'answer') return take(progress.answer);
        if (progress.kind === 'waiting')
          return this.step.set(`The service is busy: again in ${progress.seconds} seconds`);
        const share = progress.total > 0 ? progress.loaded / progress.total : 1;
        this.step.set(share < 1 ? `Sending, ${Math.floor(100 * share)} %` : `Listening for ${what}`);
      }),
      catchError((error: unknown) => this.own(error, null)),
    );
  }

  private draw(recording: Blob, name: string): Observable<unknown> {
    this.step.set('Drawing it');
    return this.api.postSpectrogram(recording, name).pipe(
      tap((picture) => this.picture.set(URL.createObjectURL(picture))),
      catchError((error: unknown) => this.own(error, null)),
    );
  }

  /** Note a trouble that concerns one question only and go on; pass on any other. */
  private own<T>(error: unknown, otherwise: T): Observable<T> {
    const trouble = troubleOf(error);
    if (!OWN.includes(trouble.name)) throw error;
    this.complain(trouble);
    return of(otherwise);
  }

  private complain(trouble: Trouble): void {
    this.troubles.update((troubles) =>
      troubles.some((other) => other.name === trouble.name) ? troubles : [...troubles, trouble],
    );
  }
}

function needsNetwork(model: LabelModel): boolean {
  return model.extractors?.some((extractor) => extractor.startsWith(NETWORK)) ?? true;
}
