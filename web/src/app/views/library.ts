import { httpResource } from '@angular/common/http';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  ElementRef,
  inject,
  Injector,
  input,
  linkedSignal,
  signal,
  untracked,
  viewChild,
} from '@angular/core';
import { Router, RouterLink } from '@angular/router';

import { Api, API } from '../api/client';
import { Me } from '../api/me';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { Track, Tracks } from '../api/types';
import { nameKey, sharedNames } from '../capture/verdict';
import { LibraryParts } from '../collection/library-parts';
import { Announcer } from '../ui/announcer';
import { Confirm } from '../ui/confirm';
import { focusAt } from '../ui/focus';
import { clock, count, moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { UploadPanel } from './upload-panel';
import { Uploads } from './uploads';

const PAGE = 25;
const TYPING_MS = 250;

/** The tracks that can be recognised: search, add, correct, remove. Search and page are part of the address. */
@Component({
  selector: 'em-library',
  imports: [Confirm, Icon, LibraryParts, RouterLink, TroubleNote, UploadPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './library.html',
})
export class Library {
  private readonly injector = inject(Injector);
  private readonly api = inject(Api);
  private readonly router = inject(Router);
  private readonly announcer = inject(Announcer);
  protected readonly me = inject(Me);
  protected readonly uploads = inject(Uploads);
  private readonly element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  private readonly confirm = viewChild.required(Confirm);
  private readonly editor = viewChild.required<ElementRef<HTMLDialogElement>>('editor');
  private readonly searchBox = viewChild.required<ElementRef<HTMLInputElement>>('searchBox');

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
  /** What has become of a track that another window deleted. */
  protected readonly notice = signal('');
  protected readonly deleteText = computed(() => {
    const track = this.chosen();
    if (!track) return '';
    const file = this.isTwin(track) ? ` (${track.source})` : '';
    return `“${track.title}”${file} will no longer be recognised. Tags that name it stay. To restore it, you will need the file.`;
  });
  private readonly twins = computed(() => sharedNames(this.shown()?.tracks ?? []));
  private typing: ReturnType<typeof setTimeout> | undefined;
  /** Row of a track that was just deleted: the one that takes its place gets the focus. */
  private vacated: number | null = null;

  constructor() {
    effect(() => {
      if (this.uploads.added()) untracked(() => this.resource.reload());
    });
    effect(() => {
      this.shown();
      const row = this.vacated;
      this.vacated = null;
      if (row !== null) afterNextRender(() => this.focusRow(row), { injector: this.injector });
    });
  }

  private focusRow(row: number): void {
    focusAt(this.element, '.tracks .delete', row, this.searchBox().nativeElement);
  }

  /** Whether another track on this page has the same name. */
  protected isTwin(track: Track): boolean {
    return this.twins().has(nameKey(track));
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

  protected edit(track: Track): void {
    this.chosen.set(track);
    this.notice.set('');
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
          if (!isGone(error)) return this.editTrouble.set(troubleOf(error));
          this.editor().nativeElement.close();
          this.forgotten(track);
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
    this.notice.set('');
    this.api.deleteTrack(track.id).subscribe({
      next: () => {
        this.announcer.say(`${track.title} deleted.`);
        this.leaveOut(track);
      },
      error: (error: unknown) => (isGone(error) ? this.forgotten(track) : this.deleteTrouble.set(troubleOf(error))),
    });
  }

  /** The track was deleted by somebody else before. */
  private forgotten(track: Track): void {
    this.notice.set(`“${track.title}” was already deleted.`);
    this.leaveOut(track);
  }

  /** Show the list without a track that is gone. */
  private leaveOut(track: Track): void {
    const tracks = this.shown()?.tracks ?? [];
    this.vacated = Math.max(
      0,
      tracks.findIndex((other) => other.id === track.id),
    );
    // The last track of the last page leaves an empty page behind.
    if (tracks.length === 1 && this.page() > 1) this.go(this.search(), this.page() - 1);
    else this.resource.reload();
  }

  protected readonly clock = clock;
  protected readonly count = count;
  protected added(track: Track): string {
    return moment(new Date(track.created));
  }
}
