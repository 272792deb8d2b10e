import { ChangeDetectionStrategy, Component, computed, DestroyRef, effect, inject, input, signal } from '@angular/core';
import { Router, RouterLink } from '@angular/router';
import type { Subscription } from 'rxjs';

import { Api } from '../api/client';
import { jobErrorWords, troubleOf, type Trouble } from '../api/problem';
import type { Job } from '../api/types';
import { Announcer } from '../ui/announcer';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { type Clip, clipsOf, labelTable, tooFew } from './training';

/** Train a model on recordings of one's own: label them, then watch. The job is in the address, so that it can be left. */
@Component({
  selector: 'em-train',
  imports: [Icon, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './train.html',
})
export class Train {
  /** From the address: the job that is watched. */
  readonly job = input<string>();

  private readonly api = inject(Api);
  private readonly router = inject(Router);
  private readonly announcer = inject(Announcer);

  protected readonly clips = signal<readonly Clip[]>([]);
  protected readonly lacking = computed(() => tooFew(this.clips()));
  protected readonly grouped = computed(() => this.clips().every((clip) => clip.group.trim()));
  protected readonly sending = signal(false);
  protected readonly sent = signal(0);
  protected readonly refusal = signal<Trouble | null>(null);
  protected readonly state = signal<Job | null>(null);
  protected readonly heard = computed(() => this.state()?.files.filter((file) => file.status === 'heard').length ?? 0);
  protected readonly stateWords = computed(() => {
    const job = this.state();
    if (!job) return 'Asking how far it is';
    const files = job.files.length;
    if (job.error) return jobErrorWords(job.error, 'It could not be trained');
    if (job.status === 'done') return `Trained on ${files} recordings: version ${job.version}.`;
    if (job.status === 'queued' && !job.done) return 'Waiting for others to be done';
    if (this.heard() < files) return `Listening: ${this.heard()} of ${files} recordings heard`;
    return 'Choosing features and fitting; this may take minutes';
  });
  private upload: Subscription | null = null;

  constructor() {
    effect((onCleanup) => {
      const id = this.job();
      this.state.set(null);
      if (!id) return;
      const subscription = this.api.watchJob(id).subscribe({
        next: (job) => {
          this.state.set(job);
          if (job.status === 'done') this.announcer.say(this.stateWords());
        },
        error: (error: unknown) => this.refusal.set(troubleOf(error)),
      });
      onCleanup(() => subscription.unsubscribe());
    });
    inject(DestroyRef).onDestroy(() => this.upload?.unsubscribe());
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    this.clips.set(clipsOf([...(input.files ?? [])], this.clips()));
    input.value = '';
  }

  protected set(clip: Clip, field: 'label' | 'group', event: Event): void {
    const value = (event.target as HTMLInputElement).value;
    this.clips.update((clips) => clips.map((one) => (one.file === clip.file ? { ...one, [field]: value } : one)));
  }

  protected drop(clip: Clip): void {
    this.clips.update((clips) => clips.filter((one) => one !== clip));
  }

  protected submit(event: Event): void {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const task = String(form.get('task') ?? '').trim();
    const files = this.clips().map((clip) => clip.file);
    const query = {
      ungrouped: !this.grouped(),
      seed: Number(form.get('seed') || 0),
      activate: form.get('activate') !== null,
    };
    this.sending.set(true);
    this.sent.set(0);
    this.refusal.set(null);
    this.announcer.say('Sending.');
    this.upload = this.api.postTraining(task, files, labelTable(this.clips()), query).subscribe({
      next: (progress) => {
        if (progress.kind === 'sent') this.sent.set(progress.total ? progress.loaded / progress.total : 0);
        if (progress.kind !== 'answer') return;
        this.sending.set(false);
        void this.router.navigate([], { queryParams: { job: progress.answer.id } });
      },
      error: (error: unknown) => {
        this.sending.set(false);
        this.refusal.set(troubleOf(error));
      },
    });
  }
}
