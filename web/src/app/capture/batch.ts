import { HttpClient } from '@angular/common/http';
import { computed, inject, Injectable, signal } from '@angular/core';
import { catchError, defer, type Subscription, switchMap, throwError } from 'rxjs';

import { Api, API, randomKey } from '../api/client';
import { troubleOf, type Trouble } from '../api/problem';
import type { Tag } from '../api/types';
import { Announcer } from '../ui/announcer';
import { saveAs } from '../ui/save';
import { Privacy } from './privacy';
import { signatureTrouble, Signer } from './signer';
import { TagCache } from './tag-cache';
import { ToTag } from './to-tag';

interface Item {
  readonly number: number;
  readonly file: File;
  /** Sent again under the same key, a recording makes one tag. */
  readonly key: string;
  readonly state: 'waiting' | 'sending' | 'done' | 'failed';
  readonly tag: Tag | null;
  readonly trouble: Trouble | null;
}

/** Recordings, tagged one after the other; lives as long as the page, so that what became of each may be looked at. */
@Injectable({ providedIn: 'root' })
export class BatchOfRecordings {
  private readonly api = inject(Api);
  private readonly http = inject(HttpClient);
  private readonly cache = inject(TagCache);
  private readonly announcer = inject(Announcer);
  private readonly privacy = inject(Privacy);
  private readonly signer = inject(Signer);
  private readonly toTag = inject(ToTag);

  readonly items = signal<readonly Item[]>([]);
  readonly trouble = signal<Trouble | null>(null);
  readonly busy = computed(() => this.toTag.left() > 0);
  readonly finished = computed(() => this.items().filter(isOver).length);
  readonly waiting = computed(() => this.items().filter((item) => item.state === 'waiting').length);
  readonly tagged = computed(() => this.items().flatMap((item) => (item.tag ? [item.tag.id] : [])));
  readonly summary = computed(() => {
    const named = this.items().filter((item) => item.tag && item.tag.verdict !== 'no_match').length;
    const failed = this.items().filter((item) => item.state === 'failed').length;
    const parts = [`${this.finished()} of ${this.items().length} done`, `${named} named`];
    return [...parts, ...(failed ? [`${failed} failed`] : [])].join(', ');
  });
  private sending: Subscription | null = null;
  private next = 1;

  add(files: readonly File[]): void {
    const fresh = files.map<Item>((file) => ({
      number: this.next++,
      file,
      key: randomKey(),
      state: 'waiting',
      tag: null,
      trouble: null,
    }));
    this.items.update((items) => [...items, ...fresh]);
    this.pump();
  }

  /** Send the next one that waits, unless one is on its way. */
  pump(): void {
    if (this.sending) return;
    const item = this.items().find((one) => one.state === 'waiting');
    if (!item) {
      if (this.busy()) this.announcer.say(this.summary());
      return this.toTag.left.set(0);
    }
    this.toTag.left.set(this.items().length - this.finished());
    this.change(item.number, { state: 'sending' });
    const keeps = this.privacy.keepSound();
    const asked = keeps
      ? defer(() => this.signer.sign(item.file)).pipe(
          catchError((error: unknown) => throwError(() => signatureTrouble(error))),
          // Another key: what was sent before may have been the sound.
          switchMap((signature) => this.api.postSignature(signature, `${item.key}-signed`)),
        )
      : this.api.postSnippet(item.file, item.file.name, item.key);
    this.sending = asked.subscribe({
      next: (progress) => {
        if (progress.kind !== 'answer') return;
        this.cache.put(progress.answer, keeps ? null : { content: item.file, name: item.file.name });
        this.settle(item.number, { state: 'done', tag: progress.answer });
      },
      error: (error: unknown) => this.settle(item.number, { state: 'failed', trouble: troubleIn(error) }),
    });
    // An answer may have come at once.
    if (!this.items().some((one) => one.state === 'sending')) this.sending = null;
  }

  private settle(number: number, values: Partial<Item>): void {
    this.sending = null;
    this.change(number, values);
    this.pump();
  }

  retry(item: Item): void {
    this.change(item.number, { state: 'waiting', trouble: null });
    this.pump();
  }

  /** Leave the rest for later; what is on its way is sent again under its key. */
  stop(): void {
    this.sending?.unsubscribe();
    this.sending = null;
    this.items.update((items) =>
      items.map((item) => (item.state === 'sending' ? { ...item, state: 'waiting' as const } : item)),
    );
    this.toTag.left.set(0);
  }

  /** Forget those that are done, or failed. */
  clear(): void {
    this.items.update((items) => items.filter((item) => !isOver(item)));
  }

  save(format: 'csv' | 'json'): void {
    this.http
      .get(`${API}/tags/export`, { params: { format, ids: this.tagged().join(',') }, responseType: 'blob' })
      .subscribe({
        next: (content) => saveAs(content, `tags.${format}`),
        error: (error: unknown) => this.trouble.set(troubleOf(error)),
      });
  }

  private change(number: number, values: Partial<Item>): void {
    this.items.update((items) => items.map((item) => (item.number === number ? { ...item, ...values } : item)));
  }
}

/** A trouble that is in words already stays as it is. */
function troubleIn(error: unknown): Trouble {
  return typeof error === 'object' && error !== null && 'title' in error ? (error as Trouble) : troubleOf(error);
}

function isOver(item: Item): boolean {
  return item.state === 'done' || item.state === 'failed';
}
