import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  type ElementRef,
  inject,
  Injector,
  output,
  signal,
  viewChild,
} from '@angular/core';

import { Api } from '../api/client';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { Track, TrackEdit } from '../api/types';
import { clock, count, moment } from '../ui/format';
import { TroubleNote } from '../ui/trouble-note';
import { Undo } from '../ui/undo';

/** What a track is called, corrected in a dialogue; it can be undone. */
@Component({
  selector: 'em-edit-track',
  imports: [TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './edit-track.html',
})
export class EditTrack {
  private readonly injector = inject(Injector);
  private readonly api = inject(Api);
  private readonly undo = inject(Undo);
  private readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  /** It was changed, or the change was undone. */
  readonly changed = output();
  /** Somebody else has deleted it before. */
  readonly gone = output<Track>();

  protected readonly chosen = signal<Track | null>(null);
  protected readonly saving = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);

  open(track: Track): void {
    this.chosen.set(track);
    this.trouble.set(null);
    // Opened when its form is there, so that the first field takes the focus.
    afterNextRender(() => this.dialog().nativeElement.showModal(), { injector: this.injector });
  }

  protected save(event: Event): void {
    event.preventDefault();
    const track = this.chosen();
    if (!track) return;
    const form = new FormData(event.target as HTMLFormElement);
    const text = (name: string) => String(form.get(name) ?? '').trim() || null;
    // Only what is other than it was: the service takes all it gets as set by hand.
    const changed = (['title', 'artist', 'album'] as const).filter((name) => text(name) !== track[name]);
    if (!changed.length) return this.dialog().nativeElement.close();
    const former = Object.fromEntries(changed.map((name) => [name, track[name]]));
    this.saving.set(true);
    this.api.editTrack(track.id, Object.fromEntries(changed.map((name) => [name, text(name)]))).subscribe({
      next: ({ headers }) => {
        this.saving.set(false);
        this.dialog().nativeElement.close();
        const edit = { ...former, by_hand: track.by_hand } as Partial<TrackEdit>;
        this.undo.done(
          `“${track.title}” is changed.`,
          () => this.api.editTrack(track.id, edit, headers.get('ETag')),
          () => this.changed.emit(),
        );
        this.changed.emit();
      },
      error: (error: unknown) => {
        this.saving.set(false);
        if (!isGone(error)) return this.trouble.set(troubleOf(error));
        this.dialog().nativeElement.close();
        this.gone.emit(track);
      },
    });
  }

  protected readonly clock = clock;
  protected readonly count = count;
  protected readonly added = (track: Track) => moment(new Date(track.created));
}
