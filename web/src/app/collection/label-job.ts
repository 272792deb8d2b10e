import { HttpClient } from '@angular/common/http';
import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  inject,
  input,
  signal,
  untracked,
} from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';

import { API, Api } from '../api/client';
import { optional } from '../api/key';
import { jobErrorWords, troubleOf, type Trouble } from '../api/problem';
import type { Job, Jobs } from '../api/types';
import { Announcer } from '../ui/announcer';
import { count } from '../ui/format';
import { TroubleNote } from '../ui/trouble-note';

/** Has a catalogue's tracks labelled, shows how far that is, and stops it; also where it was begun elsewhere. */
@Component({
  selector: 'em-label-job',
  imports: [TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (trouble(); as trouble) {
      <em-trouble [trouble]="trouble" />
    }
    <p class="note" role="status">{{ said() }}</p>
    @if (busy()) {
      <progress
        [attr.value]="job()!.total ? job()!.done : null"
        [attr.max]="job()!.total || null"
        aria-label="Labelling the tracks"
      ></progress>
    }
    <div class="actions">
      <button type="button" class="button small" [attr.aria-disabled]="asked()" (click)="act()">
        {{ busy() ? 'Stop' : 'Label these tracks' }}
      </button>
    </div>
  `,
})
export class LabelJob {
  private readonly http = inject(HttpClient);
  private readonly api = inject(Api);
  private readonly announcer = inject(Announcer);
  private readonly destroyed = inject(DestroyRef);

  /** Name of the catalogue; empty: the usual one. */
  readonly catalogue = input.required<string>();

  protected readonly job = signal<Pick<Job, 'id' | 'status' | 'total' | 'done' | 'added' | 'failed' | 'error'> | null>(
    null,
  );
  protected readonly asked = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly busy = computed(() => !!this.job() && this.job()!.status !== 'done');
  protected readonly said = computed(() => {
    const job = this.job();
    if (!job)
      return 'Genre, mood and tags of all tracks of this catalogue, from their files where the service finds them.';
    if (job.status === 'queued') return 'Waiting for its turn.';
    const done = `${count(job.added)} of ${count(job.total)} tracks labelled`;
    const failed = job.failed ? `, ${count(job.failed)} could not be` : '';
    if (job.status !== 'done') return `${done}${failed}.`;
    if (job.error?.name === 'conflict') return `Stopped: ${done}. What was labelled stays.`;
    if (job.error) return jobErrorWords(job.error, 'The tracks could not be labelled');
    const missing = Math.max(0, job.total - job.added - job.failed);
    return `${done}${failed}.${missing ? ` The files of ${count(missing)} were not found.` : ''}`;
  });

  constructor() {
    effect(() => {
      const catalogue = this.catalogue();
      untracked(() => this.find(catalogue));
    });
  }

  /** One that is under way already is shown. */
  private find(catalogue: string): void {
    this.http.get<Jobs>(`${API}/jobs`, { context: optional() }).subscribe({
      next: ({ jobs }) => {
        const found = jobs.find((job) => job.kind === 'label' && (!catalogue || job.catalogue === catalogue));
        if (found) this.watch(found.id);
      },
      error: () => undefined, // who may not see jobs may not begin one either, and is told then
    });
  }

  /** Not disabled while it is asked for, or it would lose the focus. */
  protected act(): void {
    if (this.asked()) return;
    if (this.busy()) this.stop();
    else this.start();
  }

  private start(): void {
    this.asked.set(true);
    this.trouble.set(null);
    const catalogue = this.catalogue();
    this.http.post<Job>(`${API}/tracks/label`, catalogue ? { catalogue } : {}).subscribe({
      next: (job) => {
        this.announcer.say('Labelling the tracks.');
        this.job.set(job);
        this.asked.set(false);
        this.watch(job.id);
      },
      error: (error: unknown) => this.fail(error),
    });
  }

  private stop(): void {
    this.asked.set(true);
    this.http.delete<Job>(`${API}/jobs/${encodeURIComponent(this.job()!.id)}`).subscribe({
      next: (job) => {
        this.job.set(job);
        this.asked.set(false);
      },
      error: (error: unknown) => this.fail(error),
    });
  }

  private watch(id: string): void {
    this.api
      .watchJob(id)
      .pipe(takeUntilDestroyed(this.destroyed))
      .subscribe({
        next: (job) => {
          this.job.set(job);
          if (job.status === 'done') this.announcer.say(this.said());
        },
        error: (error: unknown) => this.fail(error),
      });
  }

  private fail(error: unknown): void {
    this.asked.set(false);
    this.trouble.set(troubleOf(error));
  }
}
