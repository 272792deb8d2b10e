import { ChangeDetectionStrategy, Component, computed, effect, input, model, signal } from '@angular/core';

import type { SoundTags } from '../api/types';
import { Figure } from '../charts/figure';
import { clock, percent } from '../ui/format';
import { elementWidth } from '../ui/width';
import { alongOf, laneTags, LIVELY, PICTURE, soundLanes } from './sound-lanes';

/** The recording with what it sounds like from moment to moment: player, spectrogram and labels on one time axis. */
@Component({
  selector: 'em-sound-lanes',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <em-figure
      heading="From moment to moment"
      description="How probable each tag is (darker: more) and how lively the music is, every few seconds. Play it here: the recording stays in this browser. A click leads to a place."
    >
      @let drawn = lanes();
      <audio
        #player
        controls
        class="player"
        aria-label="The recording"
        [src]="address()"
        (timeupdate)="at.set(player.currentTime)"
        (seeked)="at.set(player.currentTime)"
      ></audio>
      <svg
        class="chart sound-lanes"
        role="img"
        [attr.aria-label]="summary()"
        [attr.width]="viewWidth()"
        [attr.height]="drawn.height"
        [attr.viewBox]="'0 0 ' + viewWidth() + ' ' + drawn.height"
        (click)="seek($event, player)"
      >
        @if (picture(); as picture) {
          <!-- Of the service's picture only the sound, without its own axes. -->
          <svg
            preserveAspectRatio="none"
            viewBox="64 16 1200 384"
            [attr.x]="drawn.left"
            [attr.y]="drawn.y.picture"
            [attr.width]="drawn.right - drawn.left"
            [attr.height]="pictureHeight"
          >
            <image [attr.href]="picture" width="1356" height="452" preserveAspectRatio="none" />
          </svg>
          <text class="lane-name" text-anchor="end" [attr.x]="drawn.left - 8" [attr.y]="drawn.y.picture + 14">
            sound
          </text>
        }
        <rect
          class="lane-ground"
          [attr.x]="drawn.left"
          [attr.y]="drawn.y.lively"
          [attr.width]="drawn.right - drawn.left"
          [attr.height]="livelyHeight"
        />
        <text class="lane-name" text-anchor="end" [attr.x]="drawn.left - 8" [attr.y]="drawn.y.lively + 13">
          energetic
        </text>
        <text
          class="lane-name"
          text-anchor="end"
          [attr.x]="drawn.left - 8"
          [attr.y]="drawn.y.lively + livelyHeight - 4"
        >
          calm
        </text>
        <path class="line" [attr.d]="drawn.lively" />
        @for (row of drawn.rows; track row.tag) {
          <text class="lane-name" text-anchor="end" [attr.x]="drawn.left - 8" [attr.y]="row.y + 15">{{ row.tag }}</text>
          @for (cell of row.cells; track $index) {
            <rect
              class="lane-cell"
              height="20"
              [attr.data-step]="cell.step"
              [attr.x]="cell.x"
              [attr.y]="row.y"
              [attr.width]="cell.width"
            />
          }
        }
        @for (tick of drawn.ticks; track tick.label) {
          <text class="tick" text-anchor="middle" [attr.x]="tick.x" [attr.y]="drawn.y.axis + 18">{{ tick.label }}</text>
        }
        <line
          class="playing-line"
          [attr.x1]="playhead()"
          [attr.x2]="playhead()"
          [attr.y1]="drawn.y.picture"
          [attr.y2]="drawn.y.axis"
        />
      </svg>
      <ng-template #twin
        ><table>
          <thead>
            <tr>
              <th scope="col" class="number">From</th>
              <th scope="col" class="number">Livelier than, of 100</th>
              @for (tag of tags(); track tag) {
                <th scope="col" class="number">{{ tag }}</th>
              }
            </tr>
          </thead>
          <tbody>
            @for (row of table(); track row.from) {
              <tr>
                <th scope="row" class="number">{{ row.from }}</th>
                <td class="number">{{ row.lively }}</td>
                @for (share of row.shares; track $index) {
                  <td class="number">{{ share }}</td>
                }
              </tr>
            }
          </tbody>
        </table></ng-template
      >
    </em-figure>
  `,
})
export class SoundLanesView {
  readonly answer = input.required<SoundTags>();
  readonly recording = input.required<Blob>();
  /** Address of its spectrogram; none while it is being drawn. */
  readonly picture = input('');

  protected readonly pictureHeight = PICTURE;
  protected readonly livelyHeight = LIVELY;
  protected readonly viewWidth = elementWidth();
  protected readonly address = signal('');
  /** Where it plays, seconds. */
  readonly at = model(0);
  protected readonly lanes = computed(() => soundLanes(this.answer(), this.viewWidth(), this.picture() !== ''));
  protected readonly playhead = computed(() => {
    const { left, right } = this.lanes();
    return left + (right - left) * Math.min(1, this.at() / this.answer().duration_s);
  });
  protected readonly tags = computed(() => laneTags(this.answer()));
  protected readonly table = computed(() => {
    const along = alongOf(this.answer(), this.tags());
    return this.answer().series.map((part, index) => ({
      from: clock(part.start_s),
      lively: Math.round(part.arousal.percentile),
      shares: along.map((shares) => percent(shares[index]!)),
    }));
  });
  protected readonly summary = computed(() => {
    const { series, duration_s } = this.answer();
    const lively = series.map((part) => Math.round(part.arousal.percentile));
    const tags = this.tags().join(', ') || 'no tag';
    return `${clock(duration_s)} of sound in ${series.length} stretches: ${tags}. Livelier than ${Math.min(...lively)} to ${Math.max(...lively)} in 100 recordings.`;
  });

  constructor() {
    effect((onCleanup) => {
      const address = URL.createObjectURL(this.recording());
      this.address.set(address);
      onCleanup(() => URL.revokeObjectURL(address));
    });
  }

  protected seek(event: MouseEvent, player: HTMLAudioElement): void {
    const box = (event.currentTarget as SVGElement).getBoundingClientRect();
    const { left, right } = this.lanes();
    const share = (event.clientX - box.left - left) / (right - left);
    if (share >= 0 && share <= 1) player.currentTime = share * this.answer().duration_s;
  }
}
