import { computed, inject, Injectable, signal } from '@angular/core';
import { Router } from '@angular/router';
import type { Observable, Subscription } from 'rxjs';

import { Api, randomKey, type Progress } from '../api/client';
import { troubleOf, type Trouble } from '../api/problem';
import type { Tag } from '../api/types';
import { Announcer } from '../ui/announcer';
import { Before } from './before';
import { Early } from './early';
import { type Recording, TagCache } from './tag-cache';
import { barAt } from './dial';
import { hintOf, meter, type Hint, type Level } from './level';
import { fileName, Microphone, microphoneTrouble, type Recorder } from './microphone';
import { Privacy } from './privacy';
import { signatureTrouble, Signer } from './signer';
import { canKeep } from './kept';
import { Waiting } from './waiting';
import { verdictSentence } from './verdict';

export type Phase = 'idle' | 'asking' | 'recording' | 'sending' | 'tagging' | 'failed';

export const LENGTHS_S = [5, 7, 10] as const;
/** Recorders lose a few milliseconds at either end. */
const TAIL_S = 0.2;
const LEAST_S = 1;

/** From a click or a dropped file to a stored tag: one at a time for the whole page. */
@Injectable({ providedIn: 'root' })
export class Capture {
  private readonly api = inject(Api);
  private readonly router = inject(Router);
  private readonly announcer = inject(Announcer);
  private readonly before = inject(Before);
  private readonly cache = inject(TagCache);
  private readonly privacy = inject(Privacy);
  private readonly signer = inject(Signer);
  private readonly waiting = inject(Waiting);

  readonly phase = signal<Phase>('idle');
  /** How long to record. */
  readonly seconds = signal<number>(LENGTHS_S[0]);
  readonly elapsed_s = signal(0);
  /** Loudness of each slice of the recording, 0 to 1; empty unless recorded here. */
  readonly bars = signal<readonly number[]>([]);
  readonly hint = signal<Hint>(null);
  readonly trouble = signal<Trouble | null>(null);
  /** Share of the upload that has left, 0 to 1. */
  readonly sent = signal(0);
  /** Seconds a busy service asked to wait; 0 when it is not. */
  readonly waiting_s = signal(0);
  readonly name = signal('');
  readonly recorded = signal(false);
  /** Title of the best candidate so far, while recording. */
  readonly perhaps = signal('');
  /** How many dials are on the page: without one, nobody sees what is under way. */
  readonly panels = signal(0);

  readonly busy = computed(() => !['idle', 'failed'].includes(this.phase()));
  readonly remaining_s = computed(() => Math.max(0, Math.ceil(this.seconds() - this.elapsed_s())));
  readonly canFinish = computed(() => this.phase() === 'recording' && this.elapsed_s() >= LEAST_S);
  readonly canResend = computed(
    () => this.phase() === 'failed' && this.snippet() !== null && this.trouble()?.passing === true,
  );

  /** Whether the recording may be kept until there is a connection. */
  readonly canKeep = computed(() => this.canResend() && this.trouble()?.name === 'offline' && canKeep());

  private readonly snippet = signal<Blob | null>(null);
  /** Idempotency key of the snippet. */
  private key = '';
  /** Whether it was sent as a signature. */
  private signed = false;
  /** When it was made. */
  private made = new Date();
  private microphone: Recorder | null = null;
  private early: Early | null = null;
  private upload: Subscription | null = null;
  /** Counts starts, so that what belongs to a cancelled one is ignored. */
  private turn = 0;

  /** Record `seconds()` and tag them. */
  async start(): Promise<void> {
    if (this.busy()) return;
    const turn = this.begin('asking');
    this.recorded.set(true);
    try {
      const microphone: Recorder = this.before.take() ?? (await Microphone.open());
      if (turn !== this.turn) return microphone.close();
      this.microphone = microphone;
      this.made = new Date(Date.now() - microphone.held_s * 1000);
      this.early = new Early(
        this.api,
        {
          perhaps: (match) => this.perhaps.set(match?.title ?? ''),
          named: (tag) => this.nameEarly(turn, tag, microphone.soFar()),
        },
        this.privacy.keepSound() ? () => this.signer.sign(microphone.soFar()) : null,
        microphone.rate,
      );
      const snippet = await microphone.record(
        () => this.watch(turn),
        (piece) => this.early?.add(piece),
      );
      if (turn !== this.turn) return;
      this.release();
      this.send(snippet, fileName(snippet.type));
    } catch (error) {
      if (turn !== this.turn) return;
      this.release();
      this.fail(microphoneTrouble(error));
    }
  }

  /** Stop recording and tag what there is. */
  finish(): void {
    if (this.canFinish()) this.microphone?.stop();
  }

  /** Tag a file instead. */
  tagFile(file: File): void {
    if (this.busy()) return;
    this.begin('sending');
    this.recorded.set(false);
    this.made = new Date(file.lastModified);
    this.bars.set([]);
    this.send(file, file.name);
  }

  /** Send the last snippet again, after a failure on the way. */
  resend(): void {
    const snippet = this.snippet();
    if (!this.canResend() || !snippet) return;
    this.begin('sending');
    this.send(snippet, this.name());
  }

  /** Keep the last recording on this device until there is a connection. */
  async keepForLater(): Promise<void> {
    const snippet = this.snippet();
    if (!this.canKeep() || !snippet) return;
    try {
      await this.waiting.keep(snippet, this.name(), this.made);
    } catch (error) {
      const detail = `The browser refused: ${error instanceof Error ? error.message : String(error)}`;
      return this.trouble.set({ name: 'keep_failed', title: 'The recording could not be kept', detail, passing: true });
    }
    this.snippet.set(null);
    this.cancel();
    this.trouble.set(null);
  }

  /** Drop whatever is under way; nothing is kept. */
  cancel(): void {
    this.turn++;
    this.upload?.unsubscribe();
    this.release();
    this.before.back();
    this.phase.set('idle');
    this.bars.set([]);
  }

  private begin(phase: Phase): number {
    this.trouble.set(null);
    this.hint.set(null);
    this.elapsed_s.set(0);
    this.sent.set(0);
    this.waiting_s.set(0);
    this.perhaps.set('');
    this.phase.set(phase);
    return ++this.turn;
  }

  /** Follow the recording: meter, count-down, end. */
  private watch(turn: number): void {
    const microphone = this.microphone;
    if (turn !== this.turn || !microphone) return;
    const started = performance.now();
    const bars: number[] = [];
    const levels: Level[] = [];
    this.phase.set('recording');
    this.bars.set(bars);
    this.announcer.say('Listening.');
    // A timer ends the recording: animation frames stop while a page is hidden.
    setTimeout(() => turn === this.turn && microphone.stop(), (this.seconds() + TAIL_S) * 1000);
    const frame = () => {
      if (turn !== this.turn || this.phase() !== 'recording') return;
      const elapsed = (performance.now() - started) / 1000;
      const level = microphone.level();
      levels.push(level);
      const bar = barAt(elapsed, this.seconds());
      while (bars.length <= bar) bars.push(0);
      bars[bar] = Math.max(bars[bar]!, meter(level.rms_db));
      this.bars.set([...bars]);
      this.elapsed_s.set(elapsed);
      this.hint.set(hintOf(levels));
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  private send(snippet: Blob, name: string): void {
    const signed = this.privacy.keepSound();
    if (snippet !== this.snippet() || signed !== this.signed) this.key = randomKey();
    this.signed = signed;
    this.snippet.set(snippet);
    this.name.set(name);
    this.phase.set('sending');
    if (signed) return void this.sendSignature(snippet, name, this.turn);
    this.announcer.say('Sending.');
    this.follow(this.api.postSnippet(snippet, name, this.key), { content: snippet, name });
  }

  /** Compute the signature here, and send that. */
  private async sendSignature(snippet: Blob, name: string, turn: number): Promise<void> {
    try {
      const signature = await this.signer.sign(snippet);
      if (turn !== this.turn) return;
      this.announcer.say('Sending.');
      this.follow(this.api.postSignature(signature, this.key), null);
    } catch (error) {
      if (turn === this.turn) this.fail(signatureTrouble(error));
    }
  }

  private follow(answers: Observable<Progress<Tag>>, recording: Recording | null): void {
    this.upload = answers.subscribe({
      next: (progress) => {
        if (progress.kind === 'answer') return this.done(progress.answer, recording);
        if (progress.kind === 'waiting') return this.waiting_s.set(progress.seconds);
        this.waiting_s.set(0);
        this.sent.set(progress.total > 0 ? progress.loaded / progress.total : 0);
        if (progress.loaded >= progress.total) this.phase.set('tagging');
      },
      error: (error: unknown) => this.fail(troubleOf(error)),
    });
  }

  /** The service is sure before the recording is over: it need not go on. */
  private nameEarly(turn: number, tag: Tag, content: Blob): void {
    if (turn !== this.turn || this.phase() !== 'recording') return;
    this.turn++;
    this.release();
    this.done(tag, this.privacy.keepSound() ? null : { content, name: fileName(content.type) });
  }

  private done(tag: Tag, recording: Recording | null): void {
    this.phase.set('idle');
    this.bars.set([]);
    this.snippet.set(null);
    this.cache.put(tag, recording);
    this.announcer.say(verdictSentence(tag));
    void this.router.navigate(['/tags', tag.id]);
  }

  private fail(trouble: Trouble): void {
    this.phase.set('failed');
    this.trouble.set(trouble);
    this.before.back();
  }

  private release(): void {
    this.early?.close();
    this.early = null;
    this.microphone?.close();
    this.microphone = null;
  }
}
