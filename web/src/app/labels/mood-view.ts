import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import { Figure } from '../charts/figure';
import { clock } from '../ui/format';
import { elementWidth } from '../ui/width';
import { type Felt, type Moment, moodPlane, type Song, valenceWords } from './mood';
import { livelyWords } from './words';

/** Pixels that the plane takes at most. */
const MOST = 420;

/** Songs on the plane of moods, one of them over time; on a line, where nothing tells happy from sad. */
@Component({
  selector: 'em-mood',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <em-figure [heading]="heading()" [description]="description()">
      @if (flat()) {
        <svg class="chart" width="100%" height="48" role="img" [attr.aria-label]="summary()">
          <line class="axis" x1="0" x2="100%" y1="32" y2="32" />
          <rect class="neither" x="40%" width="20%" y="26" height="12" />
          @for (song of songs(); track song.mark) {
            <circle class="peak passes" r="8" cy="32" [attr.cx]="2 + song.arousal * 0.96 + '%'" />
            <text text-anchor="middle" y="16" [attr.x]="2 + song.arousal * 0.96 + '%'">{{ song.mark }}</text>
          }
        </svg>
        <p class="arousal-ends" aria-hidden="true"><span>calm</span><span>energetic</span></p>
      } @else {
        @let drawn = plane();
        @let middle = drawn.size / 2;
        <svg
          class="chart"
          role="img"
          [attr.aria-label]="summary()"
          [attr.width]="drawn.size"
          [attr.height]="drawn.size"
          [attr.viewBox]="'0 0 ' + drawn.size + ' ' + drawn.size"
        >
          <rect class="neither" x="1" y="1" [attr.width]="drawn.size - 2" [attr.height]="drawn.size - 2" />
          <line class="axis" y1="10" [attr.x1]="middle" [attr.x2]="middle" [attr.y2]="drawn.size - 10" />
          <line class="axis" x1="10" [attr.x2]="drawn.size - 10" [attr.y1]="middle" [attr.y2]="middle" />
          <text x="8" [attr.y]="middle - 6">sad</text>
          <text text-anchor="end" [attr.x]="drawn.size - 8" [attr.y]="middle - 6">happy</text>
          <text y="20" [attr.x]="middle + 6">energetic</text>
          <text [attr.x]="middle + 6" [attr.y]="drawn.size - 10">calm</text>
          <path class="line" [attr.d]="drawn.path" />
          @for (point of drawn.points; track point.mark) {
            <circle class="peak passes" r="8" [attr.cx]="point.x" [attr.cy]="point.y" />
            <text
              class="peak-label"
              text-anchor="middle"
              [attr.x]="point.x"
              [attr.y]="point.y + (point.y < 30 ? 24 : -13)"
            >
              {{ point.mark }}
            </text>
          }
          @if (playing(); as point) {
            <circle class="playing-dot" r="5" [attr.cx]="point.x" [attr.cy]="point.y" />
          }
        </svg>
      }
      <ul class="doubts arousal-words">
        @for (line of words(); track $index) {
          <li>{{ line }}.</li>
        }
      </ul>
      <ng-template #twin
        ><table>
          <thead>
            <tr>
              <th scope="col">{{ moments().length ? 'From' : 'Song' }}</th>
              <th scope="col" class="number">Livelier than, of 100</th>
              @if (!flat()) {
                <th scope="col" class="number">Happy, of 100</th>
              }
            </tr>
          </thead>
          <tbody>
            @for (row of rows(); track row.name) {
              <tr>
                <th scope="row">{{ row.name }}</th>
                <td class="number">{{ round(row.arousal) }}</td>
                @if (!flat()) {
                  <td class="number">{{ row.valence === null ? '–' : round(row.valence) }}</td>
                }
              </tr>
            }
          </tbody>
        </table></ng-template
      >
    </em-figure>
  `,
})
export class MoodView {
  readonly songs = input.required<readonly Song[]>();
  /** Of the only song: how it goes on. */
  readonly moments = input<readonly Moment[]>([]);
  /** Where it plays, seconds. */
  readonly at = input(0);

  private readonly width = elementWidth();
  protected readonly round = Math.round;
  protected readonly flat = computed(() => this.songs().every((song) => song.valence === null));
  protected readonly plane = computed(() => moodPlane(this.songs(), this.moments(), Math.min(MOST, this.width())));
  protected readonly playing = computed(() => {
    const moment = this.moments().find((one) => one.start_s <= this.at() && this.at() < one.end_s);
    return moment && moodPlane([{ ...moment, name: '', mark: '', unsure: false }], [], this.plane().size).points[0];
  });
  protected readonly heading = computed(() => 'Calm or energetic' + (this.flat() ? '' : ', sad or happy'));
  protected readonly description = computed(() => {
    if (this.flat())
      return 'An experiment: it follows from the tags, and nothing was trained for it. Happy or sad cannot be told: no tag does. A model can that you train on your own recordings, with labels such as “happy” and “sad”.';
    const over = this.moments().length ? ' The line leads through the recording; the red point is where it plays.' : '';
    return `An experiment. Upwards is more energetic, by the tags; to the right happier, by the model that was trained here.${over}`;
  });
  protected readonly rows = computed<readonly (Felt & { name: string })[]>(() =>
    this.moments().length ? this.moments().map((one) => ({ ...one, name: clock(one.start_s) })) : this.songs(),
  );
  protected readonly words = computed(() =>
    this.songs().map((song) => (song.mark && `${song.mark}: `) + livelyWords(song.arousal) + valenceWords(song)),
  );
  protected readonly summary = computed(() =>
    this.songs()
      .map((song) => `${song.name}: ${Math.round(song.arousal)} of 100${valenceWords(song)}`)
      .join('. '),
  );
}
