import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, DestroyRef, effect, inject, untracked } from '@angular/core';
import { RouterLink } from '@angular/router';

import { API } from '../api/client';
import { optional } from '../api/key';
import { Me } from '../api/me';
import type { Monitors, TracklistEntry } from '../api/types';
import { DataList } from '../lists/data-list';
import { ListState } from '../lists/list-state';
import { Row } from '../lists/row';
import { clock, moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { UploadPanel } from '../views/upload-panel';
import { Uploads } from '../views/uploads';
import { segmentName, statusWords } from './segments';

const LOOK_MS = 5000;

/** Long recordings and what was heard in them; listeners that run, with what they hear now. */
@Component({
  selector: 'em-tracklists',
  imports: [DataList, Icon, RouterLink, Row, UploadPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './tracklists.html',
})
export class Tracklists {
  protected readonly me = inject(Me);
  protected readonly uploads = inject(Uploads);

  protected readonly list = new ListState<TracklistEntry>({
    of: 'tracklists',
    limit: 30,
    address: ['search', 'sort'],
  });
  protected readonly orders = [
    ['-created', 'Newest first'],
    ['created', 'Oldest first'],
    ['file', 'Recording'],
    ['-duration_s', 'Longest first'],
  ] as const;

  private readonly listeners = httpResource<Monitors>(() => ({ url: `${API}/monitors`, context: optional() }));
  protected readonly monitors = computed(() => (this.listeners.hasValue() ? this.listeners.value().monitors : []));

  constructor() {
    effect(() => {
      if (this.uploads.listed()) untracked(() => this.list.reload());
    });
    const timer = setInterval(() => {
      this.listeners.reload();
      if (this.list.entries().some((entry) => entry.status === 'running')) this.list.reload();
    }, LOOK_MS);
    inject(DestroyRef).onDestroy(() => clearInterval(timer));
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    if (input.files) this.uploads.add(input.files, 'recording');
    input.value = '';
  }

  protected describe(event: Event): void {
    this.uploads.labelled.set((event.target as HTMLInputElement).checked);
  }

  protected readonly deleted = (entries: readonly TracklistEntry[]) => {
    const corrected = entries.reduce((sum, entry) => sum + entry.corrected, 0);
    const lost = corrected ? `, with ${corrected} ${corrected === 1 ? 'correction' : 'corrections'}` : '';
    return entries.length === 1
      ? `The tracklist of “${entries[0]!.file}” is deleted${lost}.`
      : `${entries.length} tracklists are deleted${lost}.`;
  };
  protected readonly called = (entry: TracklistEntry) => `the tracklist of ${entry.file}`;
  protected readonly clock = clock;
  protected readonly moment = (created: string) => moment(new Date(created));
  protected readonly segmentName = segmentName;
  protected readonly statusWords = statusWords;
}
