import { httpResource } from '@angular/common/http';
import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  inject,
  input,
  signal,
  viewChild,
  ViewContainerRef,
} from '@angular/core';
import { Title } from '@angular/platform-browser';
import { Router, RouterLink } from '@angular/router';

import { API } from '../api/client';
import { optional } from '../api/key';
import { Me } from '../api/me';
import { OFFLINE, troubleOf } from '../api/problem';
import type { AlikeAnswer, DuplicatePair, Tags, Track } from '../api/types';
import { remarkSentences } from '../capture/verdict';
import { clock, count, moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { Undo } from '../ui/undo';
import { TagRow } from '../views/tag-row';
import { AlikeChart } from './alike-chart';
import { DuplicateSearch } from './duplicate-search';
import { EditTrack } from './edit-track';
import { LabelJob } from './label-job';
import { LibraryParts } from './library-parts';
import { relationWords, shares, stretches } from './pairs';
import { deletedWords } from './words';

const TAGS = 10;
const IDENTIFIERS = [
  ['isrc', 'ISRC'],
  ['recording_mbid', 'MusicBrainz recording'],
  ['release_mbid', 'MusicBrainz release'],
  ['artist_mbids', 'MusicBrainz artists'],
  ['acoustid', 'AcoustID'],
] as const;

/** One track: what is known of it, what it sounds like, its copies, and the tags that named it. */
@Component({
  selector: 'em-track-view',
  imports: [AlikeChart, EditTrack, Icon, LabelJob, LibraryParts, RouterLink, TagRow, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './track-view.html',
  providers: [DuplicateSearch],
})
export class TrackView {
  protected readonly me = inject(Me);
  private readonly router = inject(Router);
  private readonly undo = inject(Undo);
  protected readonly search = inject(DuplicateSearch);

  /** From the address. */
  readonly id = input.required<string>();

  private readonly fetched = httpResource<Track>(() => this.url());
  protected readonly compared = httpResource<AlikeAnswer>(() => `${this.url()}/alike`);
  private readonly naming = httpResource<Tags>(() =>
    this.me.may('history')
      ? { url: `${API}/tags`, params: { track: this.id(), limit: TAGS }, context: optional() }
      : undefined,
  );
  protected readonly track = computed(() => (this.fetched.hasValue() ? this.fetched.value() : undefined));
  protected readonly failure = computed(() => (this.fetched.error() ? troubleOf(this.fetched.error()) : null));
  protected readonly alike = computed(() => (this.compared.hasValue() ? this.compared.value() : undefined));
  protected readonly alikeFailure = computed(() => (this.compared.error() ? troubleOf(this.compared.error()) : null));
  protected readonly tags = computed(() => (this.naming.hasValue() ? this.naming.value().tags : []));
  protected readonly pairs = computed(() => this.search.found()?.pairs ?? []);
  protected readonly identifiers = computed(() => {
    const track = this.track();
    return IDENTIFIERS.flatMap(([name, words]) => (track?.[name] ? [{ words, value: track[name] }] : []));
  });
  private readonly place = viewChild('windows', { read: ViewContainerRef });
  protected readonly lost = signal(false);
  /** What models said of it; what they doubt themselves is not searched by. */
  protected readonly labels = computed(() =>
    Object.entries(this.track()?.labels ?? {})
      .filter(([, said]) => said.labels.length)
      .map(([task, said]) => ({ task, labels: said.labels, doubted: said.decision === 'uncertain' })),
  );
  protected readonly notes = computed(() => Object.entries(this.track()?.metadata ?? {}));

  constructor() {
    const title = inject(Title);
    effect(() => {
      const track = this.track();
      if (track) title.setTitle(`${track.title} · Earmark`);
    });
    let shown = '';
    effect(() => {
      if (this.id() !== shown && shown) this.search.found.set(null); // copies of another track
      shown = this.id();
    });
    inject(DestroyRef).onDestroy(() => this.search.stop());
  }

  /** The other of a pair. */
  protected other(pair: DuplicatePair): DuplicatePair['a'] {
    return pair.a.track_id === this.id() ? pair.b : pair.a;
  }

  protected reload(): void {
    this.fetched.reload();
  }

  /** Loaded and asked for once somebody wants to see them. */
  protected async showWindows(track: Track): Promise<void> {
    const place = this.place();
    if (!place || place.length) return;
    try {
      const { TrackWindows } = await import('../views/evidence');
      this.lost.set(false);
      if (!place.length) place.createComponent(TrackWindows).setInput('track', track);
    } catch {
      this.lost.set(true);
    }
  }

  /** Late, so that it can be undone; the library is where its row comes back. */
  protected async delete(track: Track): Promise<void> {
    const url = this.url();
    await this.router.navigate(['/library']);
    this.undo.remove(deletedWords([track]), [url]);
  }

  protected added(track: Track): string {
    return moment(new Date(track.created));
  }

  private url(): string {
    return `${API}/tracks/${encodeURIComponent(this.id())}`;
  }

  protected readonly lostWords = {
    ...OFFLINE,
    title: 'The windows could not be loaded',
    detail: 'Check the connection. If Earmark was updated, reload the page.',
  };
  protected readonly clock = clock;
  protected readonly count = count;
  protected readonly relationWords = relationWords;
  protected readonly remarkSentences = remarkSentences;
  protected readonly shares = shares;
  protected readonly stretches = stretches;
}
