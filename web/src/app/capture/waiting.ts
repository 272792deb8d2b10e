import { effect, inject, Injectable, signal } from '@angular/core';
import { filter, firstValueFrom } from 'rxjs';

import { Api, randomKey } from '../api/client';
import { Me } from '../api/me';
import { type Trouble, troubleOf } from '../api/problem';
import type { Tag } from '../api/types';
import { Announcer } from '../ui/announcer';
import { allKept, canKeep, forget, keep, type Kept } from './kept';
import { Privacy } from './privacy';
import { signatureTrouble, Signer } from './signer';
import { TagCache } from './tag-cache';

/** A recording that waits, and why it still does. */
export interface WaitingRecording extends Kept {
  readonly trouble: Trouble | null;
}

/** Recordings that somebody asked to be kept until there is a connection, and what became of them. */
@Injectable({ providedIn: 'root' })
export class Waiting {
  private readonly api = inject(Api);
  private readonly announcer = inject(Announcer);
  private readonly cache = inject(TagCache);
  private readonly me = inject(Me);
  private readonly privacy = inject(Privacy);
  private readonly signer = inject(Signer);

  readonly recordings = signal<readonly WaitingRecording[]>([]);
  /** What was identified since the page was opened, newest first. */
  readonly identified = signal<readonly Tag[]>([]);
  readonly working = signal(false);

  constructor() {
    if (!canKeep()) return;
    void this.load();
    addEventListener('online', () => void this.identifyAll());
    let away = false;
    effect(() => {
      if (away && !this.me.unreachable()) void this.identifyAll();
      away = this.me.unreachable();
    });
  }

  /** Keep a recording on this device; rejects if the browser refuses. */
  async keep(content: Blob, name: string, made: Date): Promise<void> {
    await keep({ id: randomKey(), made: made.toISOString(), name, content });
    await this.load();
    this.me.askAgain();
    this.announcer.say('Kept on this device.');
  }

  async forget(id: string): Promise<void> {
    await forget(id);
    await this.load();
  }

  /** Identify what waits, one after another; whatever fails goes on waiting. */
  async identifyAll(): Promise<void> {
    if (this.working() || this.recordings().length === 0) return;
    this.working.set(true);
    await oneWindow(() => this.identifyEach());
    this.working.set(false);
  }

  private async identifyEach(): Promise<void> {
    // Another window may have identified some of them.
    await this.load();
    const before = this.identified().length;
    for (const recording of this.recordings()) {
      const trouble = await this.identify(recording);
      if (trouble) this.note(recording.id, trouble);
      if (trouble?.name === 'offline') break;
    }
    const count = this.identified().length - before;
    if (count)
      this.announcer.say(count === 1 ? 'One recording was identified.' : `${count} recordings were identified.`);
  }

  private async identify(recording: Kept): Promise<Trouble | null> {
    try {
      const tag = await this.post(recording);
      this.cache.put(tag, this.privacy.keepSound() ? null : recording);
      await forget(recording.id);
      this.recordings.update((all) => all.filter((other) => other.id !== recording.id));
      this.identified.update((all) => [tag, ...all]);
      return null;
    } catch (error) {
      return error instanceof SigningFailed ? signatureTrouble(error.cause) : troubleOf(error);
    }
  }

  /** Sent again under the same key, it is the same tag, should the answer have been lost. */
  private async post({ id, made, name, content }: Kept): Promise<Tag> {
    const answers = this.privacy.keepSound()
      ? this.api.postSignature(await this.sign(content), `${id}-signature`, made)
      : this.api.postSnippet(content, name, id, made);
    const last = await firstValueFrom(answers.pipe(filter((progress) => progress.kind === 'answer')));
    return last.answer;
  }

  private async sign(content: Blob): Promise<Blob> {
    return this.signer.sign(content).catch((cause: unknown) => {
      throw new SigningFailed('no signature', { cause });
    });
  }

  private note(id: string, trouble: Trouble): void {
    this.recordings.update((all) => all.map((other) => (other.id === id ? { ...other, trouble } : other)));
  }

  private async load(): Promise<void> {
    const kept = await allKept();
    this.recordings.set(kept.map((recording) => ({ ...recording, trouble: null })));
  }
}

/** Do something while no other window of this browser does it, where browsers can tell. */
async function oneWindow(work: () => Promise<void>): Promise<void> {
  if (navigator.locks) await navigator.locks.request('earmark.waiting', work);
  else await work();
}

class SigningFailed extends Error {}
