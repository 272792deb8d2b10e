import {
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  inject,
  signal,
  untracked,
  viewChild,
} from '@angular/core';
import { RouterLink } from '@angular/router';

import { CatalogueChoice } from '../api/catalogue';
import { Me } from '../api/me';
import type { Track } from '../api/types';
import { nameKey, sharedNames } from '../capture/verdict';
import { EditTrack } from '../collection/edit-track';
import { LabelJob } from '../collection/label-job';
import { LibraryParts } from '../collection/library-parts';
import { deletedWords } from '../collection/words';
import { DataList } from '../lists/data-list';
import { ListState } from '../lists/list-state';
import { Row } from '../lists/row';
import { recordings } from '../ui/folders';
import { clock, count, moment } from '../ui/format';
import { Icon } from '../ui/icon';
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
  imports: [DataList, EditTrack, Icon, LabelJob, LibraryParts, RouterLink, Row, UploadPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './library.html',
})
export class Library {
  protected readonly catalogue = inject(CatalogueChoice);
  protected readonly me = inject(Me);
  protected readonly uploads = inject(Uploads);
  private readonly rows = viewChild.required<DataList<Track>>(DataList);
  protected readonly editor = viewChild.required(EditTrack);

  protected readonly list = new ListState<Track>({
    of: 'tracks',
    limit: 25,
    address: ['search', 'artist', 'album', 'label', 'sort'],
    fields: 'id,title,artist,album,source,duration_s,n_windows,created,by_hand',
  });

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
    const files = [...(input.files ?? [])];
    this.uploads.add(input.webkitdirectory ? recordings(files) : files);
    input.value = '';
  }

  /** The track was deleted by somebody else before. */
  protected forgotten(track: Track): void {
    const row = this.list.entries().findIndex((other) => other.id === track.id);
    this.notice.set(`“${track.title}” was already deleted.`);
    this.list.leaveOut(track);
    this.rows().focusRow(row);
  }

  protected readonly deleted = deletedWords;
  protected readonly choices = CHOICES;
  protected readonly orders = ORDERS;
  protected readonly named = (track: Track) => track.title;
  protected readonly clock = clock;
  protected readonly count = count;
  protected added(track: Track): string {
    return moment(new Date(track.created));
  }
}
