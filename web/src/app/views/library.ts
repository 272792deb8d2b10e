import { httpResource } from '@angular/common/http';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  type ElementRef,
  inject,
  Injector,
  input,
  linkedSignal,
  signal,
  untracked,
  viewChild,
} from '@angular/core';
import { Router } from '@angular/router';

import { Api, API } from '../api/client';
import { troubleOf, type Trouble } from '../api/problem';
import type { Track, Tracks } from '../api/types';
import { Announcer } from '../ui/announcer';
import { Confirm } from '../ui/confirm';
import { bytes, clock, count, moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { Uploads } from './uploads';

const PAGE = 25;
const TYPING_MS = 250;

/** The tracks that can be recognised: search, add, correct, remove. Search and page are part of the address. */
@Component({
  selector: 'em-library',
  imports: [Confirm, Icon, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './library.html',
  host: { '(document:dragover)': 'dragOver($event)', '(document:drop)': 'drop($event)' },
})
export class Library {
  private readonly injector = inject(Injector);
  private readonly api = inject(Api);
  private readonly router = inject(Router);
  private readonly announcer = inject(Announcer);
  protected readonly uploads = inject(Uploads);
  private readonly confirm = viewChild.required(Confirm);
  private readonly editor = viewChild.required<ElementRef<HTMLDialogElement>>('editor');

  /** From the address. */
  readonly search = input('', { transform: (value: string | undefined) => value ?? '' });
  readonly page = input(1, { transform: (value: string | undefined) => Math.max(1, Math.floor(Number(value)) || 1) });

  private readonly resource = httpResource<Tracks>(() => ({
    url: `${API}/tracks`,
    params: { limit: PAGE, skip: (this.page() - 1) * PAGE, ...(this.search() && { search: this.search() }) },
  }));
  /** The last page that arrived stays until the next one is there: no flicker while typing. */
  protected readonly shown = linkedSignal<Tracks | undefined, Tracks | undefined>({
    source: () => (this.resource.hasValue() ? this.resource.value() : undefined),
    computation: (value, previous) => value ?? previous?.value,
  });
  protected readonly failure = computed(() => (this.resource.error() ? troubleOf(this.resource.error()) : null));
  protected readonly pages = computed(() => Math.max(1, Math.ceil((this.shown()?.total ?? 0) / PAGE)));

  protected readonly chosen = signal<Track | null>(null);
  protected readonly saving = signal(false);
  protected readonly editTrouble = signal<Trouble | null>(null);
  protected readonly deleteTrouble = signal<Trouble | null>(null);
  private typing: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    effect(() => {
      if (this.uploads.added()) untracked(() => this.resource.reload());
    });
  }

  protected type(event: Event): void {
    const search = (event.target as HTMLInputElement).value.trim();
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.go(search, 1), TYPING_MS);
  }

  protected go(search: string, page: number): void {
    void this.router.navigate([], {
      queryParams: { search: search || null, page: page > 1 ? page : null },
      replaceUrl: search !== this.search(),
    });
  }

  protected reload(): void {
    this.resource.reload();
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    if (input.files) this.uploads.add(input.files);
    input.value = '';
  }

  protected dragOver(event: DragEvent): void {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
  }

  protected drop(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes('Files')) return;
    event.preventDefault();
    this.uploads.add(event.dataTransfer.files);
  }

  protected edit(track: Track): void {
    this.chosen.set(track);
    this.editTrouble.set(null);
    // Opened when its form is there, so that the first field takes the focus.
    afterNextRender(() => this.editor().nativeElement.showModal(), { injector: this.injector });
  }

  protected save(event: Event): void {
    event.preventDefault();
    const track = this.chosen();
    if (!track) return;
    const form = new FormData(event.target as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? '').trim();
    this.saving.set(true);
    this.api
      .editTrack(track.id, { title: text('title'), artist: text('artist') || null, album: text('album') || null })
      .subscribe({
        next: () => {
          this.saving.set(false);
          this.editor().nativeElement.close();
          this.announcer.say('Saved.');
          this.resource.reload();
        },
        error: (error: unknown) => {
          this.saving.set(false);
          this.editTrouble.set(troubleOf(error));
        },
      });
  }

  protected ask(track: Track): void {
    this.chosen.set(track);
    this.confirm().ask();
  }

  protected delete(): void {
    const track = this.chosen();
    if (!track) return;
    this.deleteTrouble.set(null);
    this.api.deleteTrack(track.id).subscribe({
      next: () => {
        this.announcer.say(`${track.title} deleted.`);
        // The last track of the last page leaves an empty page behind.
        if (this.shown()?.tracks.length === 1 && this.page() > 1) this.go(this.search(), this.page() - 1);
        else this.resource.reload();
      },
      error: (error: unknown) => this.deleteTrouble.set(troubleOf(error)),
    });
  }

  protected readonly clock = clock;
  protected readonly count = count;
  protected readonly bytes = bytes;
  protected added(track: Track): string {
    return moment(new Date(track.created));
  }
}
