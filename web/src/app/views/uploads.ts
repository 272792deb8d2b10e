import { computed, inject, Injectable, signal } from '@angular/core';
import { type Subscription, switchMap, tap } from 'rxjs';

import { Api } from '../api/client';
import { sentence, troubleOf } from '../api/problem';
import type { Job } from '../api/types';
import { wordsFor } from '../api/words';
import { remarkSentences } from '../capture/verdict';
import { Announcer } from '../ui/announcer';

export type UploadState = 'waiting' | 'sending' | 'modelling' | 'added' | 'present' | 'failed';

export interface Upload {
  readonly number: number;
  readonly file: File;
  readonly state: UploadState;
  /** Share of the bytes that have left, 0 to 1. */
  readonly sent: number;
  readonly title: string;
  readonly message: string;
  /** Whether sending it again may help. */
  readonly passing: boolean;
}

/** Two at a time: one is sent while another is being modelled. */
const LANES = 2;

/** Files on their way into the library. Lives as long as the page, so that other views may be opened meanwhile. */
@Injectable({ providedIn: 'root' })
export class Uploads {
  private readonly api = inject(Api);
  private readonly announcer = inject(Announcer);
  private readonly running = new Map<number, Subscription>();
  private next = 1;

  readonly list = signal<readonly Upload[]>([]);
  /** Goes up whenever a track was added: what is listed is then out of date. */
  readonly added = signal(0);
  readonly active = computed(
    () => this.list().filter((upload) => ['waiting', 'sending', 'modelling'].includes(upload.state)).length,
  );

  add(files: Iterable<File>): void {
    const fresh = [...files].map<Upload>((file) => ({
      number: this.next++,
      file,
      state: 'waiting',
      sent: 0,
      title: file.name,
      message: '',
      passing: false,
    }));
    this.list.update((list) => [...list, ...fresh]);
    this.pump();
  }

  retry(number: number): void {
    this.change(number, { state: 'waiting', sent: 0, message: '' });
    this.pump();
  }

  /** Forget the finished ones. */
  clear(): void {
    this.list.update((list) => list.filter((upload) => ['waiting', 'sending', 'modelling'].includes(upload.state)));
  }

  private pump(): void {
    for (const upload of this.list()) {
      if (this.running.size >= LANES) return;
      if (upload.state === 'waiting' && !this.running.has(upload.number)) this.run(upload);
    }
  }

  private run({ number, file }: Upload): void {
    this.change(number, { state: 'sending' });
    let job: Job | null = null;
    const subscription = this.api
      .postTrack(file)
      .pipe(
        switchMap((progress) => {
          if (progress.kind === 'answer') {
            this.change(number, { state: 'modelling', sent: 1 });
            return this.api.watchJob(progress.answer.id);
          }
          if (progress.kind === 'sent')
            this.change(number, { sent: progress.total ? progress.loaded / progress.total : 0 });
          return [];
        }),
        tap((state) => (job = state)),
      )
      .subscribe({
        error: (error: unknown) => {
          const trouble = troubleOf(error);
          this.settle(number, {
            state: 'failed',
            message: `${sentence(trouble.title)} ${trouble.detail}`,
            passing: trouble.passing === true,
          });
        },
        complete: () => this.settle(number, outcome(job)),
      });
    if (!subscription.closed) this.running.set(number, subscription);
  }

  private settle(number: number, result: Partial<Upload>): void {
    this.running.delete(number);
    this.change(number, result);
    if (result.state === 'added') this.added.update((count) => count + 1);
    const upload = this.list().find((other) => other.number === number);
    if (upload) this.announcer.say(`${upload.title}: ${upload.message || upload.state}`);
    this.pump();
  }

  private change(number: number, values: Partial<Upload>): void {
    this.list.update((list) => list.map((upload) => (upload.number === number ? { ...upload, ...values } : upload)));
  }
}

/** What a finished job of one file says about it. */
export function outcome(job: Job | null): Partial<Upload> {
  const file = job?.files[0];
  if (!file || job?.status !== 'done')
    return { state: 'failed', message: 'The service ended the job without a result.' };
  if (file.status === 'failed') {
    const words = wordsFor(file.error?.name ?? '');
    const said = [words?.title ?? 'It could not be added', words?.detail ?? file.error?.message ?? ''];
    return { state: 'failed', message: said.map(sentence).filter(Boolean).join(' ') };
  }
  const title = file.title ?? file.name;
  const said =
    file.status === 'present'
      ? 'This recording was already in the library.'
      : 'Added. The next snippet can be tagged with it.';
  return {
    state: file.status === 'present' ? 'present' : 'added',
    title,
    message: [said, ...remarkSentences(file.remarks)].join(' '),
  };
}
