import { httpResource } from '@angular/common/http';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  type ElementRef,
  inject,
  Injector,
  input,
  output,
  signal,
  viewChild,
} from '@angular/core';

import { Api, API } from '../api/client';
import { optional } from '../api/key';
import { troubleOf, type Trouble } from '../api/problem';
import type { Segment, SegmentKind, Track, Tracks } from '../api/types';
import { named } from '../capture/verdict';
import { clock } from '../ui/format';
import { TroubleNote } from '../ui/trouble-note';
import { editOf, enteredOf, type Entered, KIND_WORDS, segmentName, span } from './segments';

const FOUND = 5;
const TYPING_MS = 250;

/** What a person knows better about a segment: what it is, and from when to when. */
@Component({
  selector: 'em-segment-editor',
  imports: [TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './segment-editor.html',
})
export class SegmentEditor {
  private readonly api = inject(Api);
  private readonly injector = inject(Injector);
  private readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  readonly tracklist = input.required<string>();
  /** The segment as it was before. */
  readonly saved = output<Segment>();

  protected readonly segment = signal<Segment | null>(null);
  protected readonly entered = signal<Entered | null>(null);
  protected readonly saving = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly kinds = Object.keys(KIND_WORDS) as SegmentKind[];

  protected readonly search = signal('');
  private readonly resource = httpResource<Tracks>(() =>
    this.search()
      ? { url: `${API}/tracks`, params: { limit: FOUND, search: this.search() }, context: optional() }
      : undefined,
  );
  protected readonly found = computed(() =>
    this.search() && this.resource.hasValue() ? this.resource.value().tracks : [],
  );
  protected readonly searched = computed(() => this.search() !== '' && !this.resource.isLoading());
  private typing: ReturnType<typeof setTimeout> | undefined;

  open(segment: Segment): void {
    this.segment.set(segment);
    this.entered.set(enteredOf(segment));
    this.search.set('');
    this.trouble.set(null);
    // Opened when its form is there, so that the first field takes the focus.
    afterNextRender(() => this.dialog().nativeElement.showModal(), { injector: this.injector });
  }

  protected set(values: Partial<Entered>): void {
    this.entered.update((entered) => entered && { ...entered, ...values });
  }

  /** Names that are typed are those of a track that is not in the library. */
  protected name(field: 'title' | 'artist' | 'album', event: Event): void {
    this.set({ [field]: (event.target as HTMLInputElement).value, track_id: null });
  }

  protected time(field: 'start' | 'end', event: Event): void {
    this.set({ [field]: (event.target as HTMLInputElement).value });
  }

  protected type(event: Event): void {
    const search = (event.target as HTMLInputElement).value.trim();
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.search.set(search), TYPING_MS);
  }

  protected choose(track: Track): void {
    this.set({
      kind: 'track',
      track_id: track.id,
      title: track.title,
      artist: track.artist ?? '',
      album: track.album ?? '',
    });
  }

  protected save(event: Event): void {
    event.preventDefault();
    const [segment, entered] = [this.segment(), this.entered()];
    if (!segment || !entered) return;
    const edit = editOf(segment, entered);
    if (typeof edit === 'string')
      return this.trouble.set({ name: 'entered', title: 'Please check what you entered', detail: edit });
    // Nothing changed: a person says that what was found is right.
    const sent = Object.keys(edit).length ? edit : { kind: segment.kind };
    this.saving.set(true);
    this.trouble.set(null);
    this.api.editSegment(this.tracklist(), segment.id, sent).subscribe({
      next: () => {
        this.saving.set(false);
        this.dialog().nativeElement.close();
        this.saved.emit(segment);
      },
      error: (error: unknown) => {
        this.saving.set(false);
        this.trouble.set(troubleOf(error));
      },
    });
  }

  protected readonly clock = clock;
  protected readonly kindWords = KIND_WORDS;
  protected readonly named = named;
  protected readonly segmentName = segmentName;
  protected readonly span = span;
}
