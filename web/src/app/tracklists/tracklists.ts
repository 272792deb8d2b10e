import { HttpClient, httpResource } from '@angular/common/http';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  ElementRef,
  inject,
  Injector,
  signal,
  untracked,
  viewChild,
} from '@angular/core';
import { RouterLink } from '@angular/router';

import { Api, API } from '../api/client';
import { optional } from '../api/key';
import { Me } from '../api/me';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { Monitors, TracklistEntry, Tracklists as Page } from '../api/types';
import { Announcer } from '../ui/announcer';
import { Confirm } from '../ui/confirm';
import { focusAt } from '../ui/focus';
import { clock, moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { UploadPanel } from '../views/upload-panel';
import { Uploads } from '../views/uploads';
import { segmentName, statusWords } from './segments';

const PAGE = 30;
const LOOK_MS = 5000;

/** Long recordings and what was heard in them; listeners that run, with what they hear now. */
@Component({
  selector: 'em-tracklists',
  imports: [Confirm, Icon, RouterLink, TroubleNote, UploadPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './tracklists.html',
})
export class Tracklists {
  private readonly http = inject(HttpClient);
  private readonly api = inject(Api);
  private readonly announcer = inject(Announcer);
  private readonly injector = inject(Injector);
  private readonly element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  protected readonly me = inject(Me);
  protected readonly uploads = inject(Uploads);
  private readonly confirm = viewChild.required(Confirm);

  protected readonly entries = signal<readonly TracklistEntry[]>([]);
  private readonly cursor = signal<string | null>(null);
  protected readonly loading = signal(false);
  protected readonly loaded = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly more = computed(() => this.cursor() !== null);
  protected readonly doomed = signal<TracklistEntry | null>(null);
  protected readonly doomedText = computed(() => {
    const entry = this.doomed();
    if (!entry) return '';
    const ends = entry.status === 'running' ? ' What still listens for it goes on without it, or ends.' : '';
    const lost = entry.corrected ? ` Its ${entry.corrected} corrections are lost with it.` : '';
    return `The tracklist of “${entry.file}” goes for good.${lost}${ends} To have it again, you will need the recording.`;
  });

  private readonly listeners = httpResource<Monitors>(() => ({ url: `${API}/monitors`, context: optional() }));
  protected readonly monitors = computed(() => (this.listeners.hasValue() ? this.listeners.value().monitors : []));

  constructor() {
    effect(() => {
      this.uploads.listed();
      untracked(() => this.refresh());
    });
    const timer = setInterval(() => {
      this.listeners.reload();
      if (this.entries().some((entry) => entry.status === 'running')) this.refresh();
    }, LOOK_MS);
    inject(DestroyRef).onDestroy(() => clearInterval(timer));
  }

  protected showOlder(): void {
    this.load(this.cursor());
  }

  /** Ask for the newest again; what was shown of older ones stays. */
  protected refresh(): void {
    this.load(null);
  }

  private load(cursor: string | null): void {
    if (cursor !== null || !this.loaded()) this.loading.set(true);
    this.http.get<Page>(`${API}/tracklists`, { params: { limit: PAGE, ...(cursor && { cursor }) } }).subscribe({
      next: (page) => {
        const fresh = new Set(page.tracklists.map((entry) => entry.id));
        const others = this.entries().filter((entry) => !fresh.has(entry.id));
        // Ids rise with time: what is newer than the oldest of a first page and not on it is gone.
        const oldest = page.tracklists[page.tracklists.length - 1]?.id ?? '';
        if (cursor !== null) this.entries.set([...others, ...page.tracklists]);
        else this.entries.set([...page.tracklists, ...(page.next ? others.filter((entry) => entry.id < oldest) : [])]);
        if (cursor !== null || this.cursor() === null || !page.next) this.cursor.set(page.next);
        this.trouble.set(null);
        this.loading.set(false);
        this.loaded.set(true);
      },
      error: (error: unknown) => {
        this.trouble.set(troubleOf(error));
        this.loading.set(false);
      },
    });
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    if (input.files) this.uploads.add(input.files, 'recording');
    input.value = '';
  }

  protected ask(entry: TracklistEntry): void {
    this.doomed.set(entry);
    this.confirm().ask();
  }

  protected delete(): void {
    const entry = this.doomed();
    if (!entry) return;
    this.api.deleteTracklist(entry.id).subscribe({
      next: () => this.leaveOut(entry, 'Tracklist deleted.'),
      error: (error: unknown) =>
        isGone(error)
          ? this.leaveOut(entry, 'This tracklist was already deleted.')
          : this.trouble.set(troubleOf(error)),
    });
  }

  private leaveOut(entry: TracklistEntry, said: string): void {
    const row = this.entries().findIndex((other) => other.id === entry.id);
    this.entries.update((entries) => entries.filter((other) => other.id !== entry.id));
    this.announcer.say(said);
    afterNextRender(
      () => focusAt(this.element, '.rows .delete', row, this.element.querySelector<HTMLElement>('.file-button input')),
      { injector: this.injector },
    );
  }

  protected readonly clock = clock;
  protected readonly moment = (created: string) => moment(new Date(created));
  protected readonly segmentName = segmentName;
  protected readonly statusWords = statusWords;
}
