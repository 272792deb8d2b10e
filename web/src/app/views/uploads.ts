import { computed, inject, Injectable, signal } from '@angular/core';
import { type Subscription, switchMap, tap } from 'rxjs';

import { Api } from '../api/client';
import { jobErrorWords, sentence, troubleOf } from '../api/problem';
import type { Job, JobError } from '../api/types';
import { remarkSentences } from '../capture/verdict';
import { Announcer } from '../ui/announcer';
import { clock } from '../ui/format';

/** What becomes of a file: a track of the library, or the tracklist of a long recording. */
export type UploadKind = 'track' | 'recording';
export type UploadState = 'waiting' | 'sending' | 'modelling' | 'added' | 'present' | 'failed';

export interface Upload {
  readonly number: number;
  readonly file: File;
  readonly kind: UploadKind;
  /** Query that says where a track goes (empty: into the library that is shown), or what to say of a recording. */
  readonly into: string;
  readonly state: UploadState;
  /** Share of the bytes that have left, 0 to 1. */
  readonly sent: number;
  /** Seconds of a recording that were listened to, and of how many; null while that is not known. */
  readonly heard: { readonly done_s: number; readonly total_s: number } | null;
  /** The tracklist that a recording fills. */
  readonly tracklist: string | null;
  readonly title: string;
  readonly message: string;
  /** Whether sending it again may help. */
  readonly passing: boolean;
}

const UNDER_WAY: readonly UploadState[] = ['waiting', 'sending', 'modelling'];
/** Two of a kind at a time: one is sent while another is being listened to. */
const LANES = 2;
/** Asks what each stretch of a recording sounds like. */
const LABELLED = '?include=tags,genre,mood';

/** Files on their way into the library, and recordings on their way to their tracklists. Lives as long as the page, so that other views may be opened meanwhile. */
@Injectable({ providedIn: 'root' })
export class Uploads {
  private readonly api = inject(Api);
  private readonly announcer = inject(Announcer);
  private readonly running = new Map<number, { readonly kind: UploadKind; readonly subscription: Subscription }>();
  private next = 1;

  readonly list = signal<readonly Upload[]>([]);
  /** Goes up whenever a track was added: what is listed is then out of date. */
  readonly added = signal(0);
  /** Goes up whenever a tracklist was begun or ended. */
  readonly listed = signal(0);
  /** Whether what each stretch of recordings sounds like is to be said, too. */
  readonly labelled = signal(false);
  readonly active = computed(() => this.list().filter((upload) => UNDER_WAY.includes(upload.state)).length);

  /** The view that shows what is under way. */
  readonly place = computed(() =>
    this.list().some((upload) => upload.kind === 'track' && UNDER_WAY.includes(upload.state))
      ? '/library'
      : '/tracklists',
  );

  add(files: Iterable<File>, kind: UploadKind = 'track', into = ''): void {
    const fresh = [...files].map<Upload>((file) => ({
      number: this.next++,
      file,
      kind,
      into: kind === 'recording' && this.labelled() ? LABELLED : into,
      state: 'waiting',
      sent: 0,
      heard: null,
      tracklist: null,
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

  /** Leave out what has not begun. */
  stop(kind: UploadKind): void {
    this.list.update((list) => list.filter((upload) => upload.kind !== kind || upload.state !== 'waiting'));
    this.announce(kind);
  }

  /** Forget the finished ones of a kind. */
  clear(kind: UploadKind): void {
    this.list.update((list) => list.filter((upload) => upload.kind !== kind || UNDER_WAY.includes(upload.state)));
  }

  private pump(): void {
    for (const upload of this.list()) {
      const beside = [...this.running.values()].filter((other) => other.kind === upload.kind);
      if (beside.length >= LANES) continue;
      if (upload.state === 'waiting' && !this.running.has(upload.number)) this.run(upload);
    }
  }

  private run({ number, file, kind, into }: Upload): void {
    this.change(number, { state: 'sending' });
    let job: Job | null = null;
    const posted = kind === 'track' ? this.api.postTrack(file, into) : this.api.postRecording(file, into);
    const subscription = posted
      .pipe(
        switchMap((progress) => {
          if (progress.kind === 'answer') {
            this.change(number, { state: 'modelling', sent: 1, tracklist: progress.answer.tracklist });
            if (kind === 'recording') this.listed.update((count) => count + 1);
            return this.api.watchJob(progress.answer.id);
          }
          if (progress.kind === 'sent')
            this.change(number, { sent: progress.total ? progress.loaded / progress.total : 0 });
          return [];
        }),
        tap((state) => {
          job = state;
          if (kind === 'recording' && state.total > 0)
            this.change(number, { heard: { done_s: state.done, total_s: state.total } });
        }),
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
        complete: () => this.settle(number, kind === 'track' ? outcome(job) : recordingOutcome(job)),
      });
    if (!subscription.closed) this.running.set(number, { kind, subscription });
  }

  private settle(number: number, result: Partial<Upload>): void {
    this.running.delete(number);
    this.change(number, result);
    const upload = this.list().find((other) => other.number === number);
    if (upload?.kind === 'recording') this.listed.update((count) => count + 1);
    else if (result.state === 'added') this.added.update((count) => count + 1);
    this.pump();
    if (upload) this.announce(upload.kind, upload);
  }

  /** Say what failed, and the end; of many files not each. */
  private announce(kind: UploadKind, upload?: Upload): void {
    const all = this.list().filter((other) => other.kind === kind);
    const left = all.filter((other) => UNDER_WAY.includes(other.state)).length;
    if (upload && (all.length === 1 || upload.state === 'failed'))
      this.announcer.say(`${upload.title}: ${upload.message || upload.state}`);
    else if (left === 0) {
      const failed = all.filter((other) => other.state === 'failed').length;
      this.announcer.say(`${all.length} files done${failed ? `, ${failed} of them failed` : ''}.`);
    }
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
  if (file.status === 'failed') return failed(file.error, 'It could not be added');
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

/** What a finished job says about the recording that it listened to. */
export function recordingOutcome(job: Job | null): Partial<Upload> {
  if (job?.status !== 'done') return { state: 'failed', message: 'The service ended the job without a result.' };
  if (job.error) return failed(job.error, 'It could not be listened to');
  return { state: 'added', message: `Listened to: ${clock(job.total)}.` };
}

function failed(error: JobError | null, otherwise: string): Partial<Upload> {
  return { state: 'failed', message: jobErrorWords(error, otherwise) };
}
