import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  inject,
  input,
  signal,
  untracked,
} from '@angular/core';

import { Api } from '../api/client';
import { troubleOf, type Trouble } from '../api/problem';
import { TagCache } from '../capture/tag-cache';
import { TroubleNote } from '../ui/trouble-note';

/** Where time begins and ends in the picture, as shares of its width: beside it are its axes. */
const PLOT = [64 / 1356, 1264 / 1356] as const;

/** The recording itself, while this page still holds it: to be heard, with its spectrogram and a playhead. */
@Component({
  selector: 'em-snippet-sound',
  imports: [TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (address(); as address) {
      <section class="panel figure" aria-labelledby="sound-heading">
        <header>
          <h2 id="sound-heading">What was recorded</h2>
          <p>In this browser only, until the page is closed: Earmark keeps no recording.</p>
        </header>
        <audio
          controls
          class="player"
          aria-label="The recording"
          [src]="address"
          (timeupdate)="follow($event)"
          (loadedmetadata)="follow($event)"
        ></audio>
        @if (picture(); as picture) {
          <div class="spectrogram-frame">
            <img
              class="spectrogram whole"
              [src]="picture"
              alt="Spectrogram of the recording: time to the right, pitch upwards"
            />
            <svg class="playhead" preserveAspectRatio="none" viewBox="0 0 1000 10" aria-hidden="true" focusable="false">
              <line [attr.x1]="1000 * at()" [attr.x2]="1000 * at()" y1="0" y2="10" />
            </svg>
          </div>
        } @else if (trouble(); as trouble) {
          <em-trouble [trouble]="trouble" />
        } @else {
          <button type="button" class="button small" [disabled]="drawing()" (click)="draw()">
            Draw its spectrogram
          </button>
        }
      </section>
    }
  `,
})
export class SnippetSound {
  readonly tagId = input.required<string>();

  private readonly api = inject(Api);
  private readonly cache = inject(TagCache);
  private readonly recording = computed(() => this.cache.recording(this.tagId()));
  protected readonly address = signal('');
  protected readonly picture = signal('');
  protected readonly drawing = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);
  /** Where it is playing, as a share of the picture's width. */
  protected readonly at = signal<number>(PLOT[0]);

  constructor() {
    effect(() => {
      const recording = this.recording();
      untracked(() => this.forget());
      if (recording) this.address.set(URL.createObjectURL(recording.content));
    });
    inject(DestroyRef).onDestroy(() => this.forget());
  }

  protected draw(): void {
    const recording = this.recording();
    if (!recording) return;
    this.drawing.set(true);
    this.api.postSpectrogram(recording.content, recording.name).subscribe({
      next: (picture) => this.picture.set(URL.createObjectURL(picture)),
      error: (error: unknown) => this.trouble.set(troubleOf(error)),
    });
  }

  protected follow(event: Event): void {
    const audio = event.target as HTMLAudioElement;
    const share = audio.duration > 0 && Number.isFinite(audio.duration) ? audio.currentTime / audio.duration : 0;
    this.at.set(PLOT[0] + (PLOT[1] - PLOT[0]) * share);
  }

  private forget(): void {
    for (const address of [this.address, this.picture]) {
      if (address()) URL.revokeObjectURL(address());
      address.set('');
    }
    this.drawing.set(false);
    this.trouble.set(null);
  }
}
