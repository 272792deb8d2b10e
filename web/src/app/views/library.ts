import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  type ElementRef,
  inject,
  Injector,
  signal,
  untracked,
  viewChild,
} from '@angular/core';
import { RouterLink } from '@angular/router';

import { CatalogueChoice } from '../api/catalogue';
import { Api } from '../api/client';
import { Me } from '../api/me';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { Track, TrackEdit } from '../api/types';
import { nameKey, sharedNames } from '../capture/verdict';
import { LabelJob } from '../collection/label-job';
import { LibraryParts } from '../collection/library-parts';
import { DataList } from '../lists/data-list';
import { ListState } from '../lists/list-state';
import { Row } from '../lists/row';
import { clock, count, moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { Undo } from '../ui/undo';
import { UploadPanel } from './upload-panel';
import { Uploads } from './uploads';

const ORDERS = [
  ['title', 'Title, A to Z'],
  ['-title', 'Title, Z to A'],
  ['artist', 'Artist, A to Z'],
  ['-artist', 'Artist, Z to A'],
  ['album', 'Album, A to Z'],
  ['-album', 'Album, Z to A'],
  ['-created', 'Newest first'],
  ['created', 'Oldest first'],
  ['duration_s', 'Shortest first'],
  ['-duration_s', 'Longest first'],
] as const;
const CHOICES = [
  { name: 'artist', words: 'Artist' },
  { name: 'album', words: 'Album' },
  { name: 'label', words: 'Labels', several: true },
] as const;

/** The tracks that can be recognised: search, order, add, correct, remove. */
@Component({
  selector: 'em-library',
  imports: [DataList, Icon, LabelJob, LibraryParts, RouterLink, Row, TroubleNote, UploadPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './library.html',
})
export class Library {
  private readonly injector = inject(Injector);
  private readonly api = inject(Api);
  private readonly undo = inject(Undo);
  protected readonly catalogue = inject(CatalogueChoice);
  protected readonly me = inject(Me);
  protected readonly uploads = inject(Uploads);
  private readonly rows = viewChild.required<DataList<Track>>(DataList);
  private readonly editor = viewChild.required<ElementRef<HTMLDialogElement>>('editor');

  protected readonly list = new ListState<Track>({
    of: 'tracks',
    limit: 25,
    address: ['search', 'artist', 'album', 'label', 'sort'],
    fields: 'id,title,artist,album,source,duration_s,n_windows,created,by_hand',
  });

  protected readonly chosen = signal<Track | null>(null);
  protected readonly saving = signal(false);
  protected readonly editTrouble = signal<Trouble | null>(null);
  /** What has become of a track that another window deleted. */
  protected readonly notice = signal('');
  private readonly twins = computed(() => sharedNames(this.list.entries()));

  constructor() {
    effect(() => {
      if (this.uploads.added()) untracked(() => this.list.reload());
    });
  }

  /** Whether another track on this page has the same name. */
  protected isTwin(track: Track): boolean {
    return this.twins().has(nameKey(track));
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
    const text = (name: string) => String(form.get(name) ?? '').trim() || null;
    // Only what is other than it was: the service takes all it gets as set by hand.
    const changed = (['title', 'artist', 'album'] as const).filter((name) => text(name) !== track[name]);
    if (!changed.length) return this.editor().nativeElement.close();
    const former = Object.fromEntries(changed.map((name) => [name, track[name]]));
    this.saving.set(true);
    this.api.editTrack(track.id, Object.fromEntries(changed.map((name) => [name, text(name)]))).subscribe({
      next: ({ headers }) => {
        this.saving.set(false);
        this.editor().nativeElement.close();
        const edit = { ...former, by_hand: track.by_hand } as Partial<TrackEdit>;
        this.undo.done(
          `“${track.title}” is changed.`,
          () => this.api.editTrack(track.id, edit, headers.get('ETag')),
          () => this.list.reload(),
        );
        this.list.reload();
      },
      error: (error: unknown) => {
        this.saving.set(false);
        if (!isGone(error)) return this.editTrouble.set(troubleOf(error));
        this.editor().nativeElement.close();
        this.forgotten(track);
      },
    });
  }

  /** The track was deleted by somebody else before. */
  private forgotten(track: Track): void {
    const row = this.list.entries().findIndex((other) => other.id === track.id);
    this.notice.set(`“${track.title}” was already deleted.`);
    this.list.leaveOut(track);
    this.rows().focusRow(row);
  }

  protected readonly deleted = (tracks: readonly Track[]) =>
    tracks.length === 1
      ? `“${tracks[0]!.title}” is deleted. To have it again later, you will need its file.`
      : `${tracks.length} tracks are deleted. To have them again later, you will need their files.`;
  protected readonly choices = CHOICES;
  protected readonly orders = ORDERS;
  protected readonly named = (track: Track) => track.title;
  protected readonly clock = clock;
  protected readonly count = count;
  protected added(track: Track): string {
    return moment(new Date(track.created));
  }
}
