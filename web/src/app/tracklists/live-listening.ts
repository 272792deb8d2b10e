import { inject, Injectable, signal } from '@angular/core';
import { firstValueFrom } from 'rxjs';

import { Api } from '../api/client';
import { troubleOf, type Trouble } from '../api/problem';
import type { Listen, Segment } from '../api/types';
import { levelOf, meter } from '../capture/level';
import { microphoneTrouble } from '../capture/microphone';
import { pcm } from '../capture/pcm';
import { Tape } from '../capture/tape';
import { Announcer } from '../ui/announcer';
import { segmentName } from './segments';

/** Seconds of sound that are sent at a time; what had to wait goes in larger pieces. */
const PIECE_S = 3;
const MOST_S = 30;
/** Seconds after which what could not be sent is asked to be taken again. */
const AGAIN_S = 3;
/** Seconds that may wait: the service forgets a listen after five minutes without a piece. */
const LATE_S = 300;

/** A microphone whose sound is sent as it comes, until somebody stops it; the service makes a tracklist of it. */
@Injectable()
export class LiveListening {
  private readonly api = inject(Api);
  private readonly announcer = inject(Announcer);

  readonly phase = signal<'idle' | 'asking' | 'listening' | 'ending' | 'ended'>('idle');
  readonly heard_s = signal(0);
  /** The latest of the tracklist, newest first. */
  readonly segments = signal<readonly Segment[]>([]);
  readonly tracklist = signal<string | null>(null);
  readonly trouble = signal<Trouble | null>(null);
  /** Loudness, 0 to 1. */
  readonly level = signal(0);
  /** Seconds of sound that wait to be sent. */
  readonly late_s = signal(0);

  private tape: Tape | null = null;
  private blocks: Float32Array[] = [];
  private rate = 0;
  private awake: Promise<WakeLockSentinel | null> = Promise.resolve(null);
  private wake: () => void = () => undefined;
  private readonly said = new Set<string>();

  /** Open the microphone, and listen until `stop()`. Call it from a click. */
  async start(): Promise<void> {
    if (this.phase() !== 'idle' && this.phase() !== 'ended') return;
    this.phase.set('asking');
    this.trouble.set(null);
    this.segments.set([]);
    this.tracklist.set(null);
    this.heard_s.set(0);
    this.blocks = [];
    let listen: Listen;
    try {
      this.tape = await Tape.open();
      this.rate = this.tape.rate;
    } catch (error) {
      return this.fail(microphoneTrouble(error));
    }
    // Left while the microphone was being asked for.
    if (this.phase() !== 'asking') return this.release();
    this.tape.onblock = (block) => this.take(block);
    try {
      listen = await firstValueFrom(this.api.beginListen({ continuous: true, rate: this.rate }));
    } catch (error) {
      return this.fail(troubleOf(error));
    }
    this.tracklist.set(listen.tracklist);
    if (this.phase() === 'asking') {
      this.phase.set('listening');
      this.announcer.say('Listening.');
      // A phone that goes to sleep hears nothing.
      this.awake = navigator.wakeLock?.request('screen').catch(() => null) ?? this.awake;
    }
    await this.send(listen.id);
  }

  /** Hear no more; what was heard is still sent. */
  stop(): void {
    if (this.phase() === 'asking' && !this.tracklist()) this.phase.set('ended');
    else if (this.phase() === 'listening' || this.phase() === 'asking') this.phase.set('ending');
    this.release();
    this.wake();
  }

  /** Let go of what could not be sent: the tracklist ends with what arrived. */
  giveUp(): void {
    this.release();
    this.phase.set('ended');
    this.wake();
  }

  /** Send the sound piece by piece, and show what the answers say. */
  private async send(id: string): Promise<void> {
    for (let number = 0; ; number++) {
      while (this.phase() === 'listening' && this.waiting_s() < PIECE_S) await this.sound();
      const last = this.phase() !== 'listening';
      const piece = this.cut(last);
      for (;;) {
        if (this.phase() === 'ended') return;
        try {
          this.show(await firstValueFrom(this.api.postPiece(id, number, piece, last && this.blocks.length === 0)));
          break;
        } catch (error) {
          const trouble = troubleOf(error);
          if (!trouble.passing || this.waiting_s() > LATE_S) return this.fail(trouble);
          this.trouble.set(trouble);
          await this.sound((trouble.retryAfter_s ?? AGAIN_S) * 1000);
        }
      }
      this.trouble.set(null);
      if (last && this.blocks.length === 0) this.phase.set('ended');
      if (this.phase() === 'ended') return this.release();
    }
  }

  /** The next piece; a repeated one has to be the same. */
  private cut(last: boolean): Blob {
    let taken = 0;
    let blocks = 0;
    while (blocks < this.blocks.length && taken < MOST_S * this.rate) taken += this.blocks[blocks++]!.length;
    const piece = pcm(this.blocks.splice(0, blocks));
    this.late_s.set(this.waiting_s());
    // The piece that says that it is the last one has to hold something.
    return new Blob([piece.length || !last ? piece : new Int16Array(1)]);
  }

  private show(answer: Listen): void {
    this.heard_s.set(answer.heard_s);
    this.segments.set([...answer.segments].reverse());
    for (const segment of answer.segments) {
      if (segment.kind !== 'track' || segment.state === 'perhaps' || this.said.has(segment.id)) continue;
      this.said.add(segment.id);
      this.announcer.say(segmentName(segment));
    }
    if (answer.ended) this.phase.set('ended');
  }

  private take(block: Float32Array): void {
    this.blocks.push(block);
    this.level.set(meter(levelOf(block).rms_db));
    this.late_s.set(this.waiting_s());
    if (this.waiting_s() >= PIECE_S && !this.trouble()) this.wake();
  }

  private waiting_s(): number {
    return this.blocks.reduce((sum, block) => sum + block.length, 0) / this.rate;
  }

  /** Until there is enough sound, it is stopped, or the time is over. */
  private sound(most_ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = most_ms === undefined ? 0 : setTimeout(resolve, most_ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private fail(trouble: Trouble): void {
    this.release();
    this.trouble.set(trouble);
    this.phase.set('ended');
  }

  private release(): void {
    this.tape?.close();
    this.tape = null;
    this.level.set(0);
    void this.awake.then((lock) => lock?.release());
    this.awake = Promise.resolve(null);
  }
}
