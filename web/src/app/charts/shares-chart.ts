import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import { elementWidth } from '../ui/width';
import { Figure } from './figure';
import { MARKS, type ShareGroup, sharesChart } from './shares';
import { shareWords } from './share-words';

/** Shares with intervals of 95 %, several series beside each other. */
@Component({
  selector: 'em-shares-chart',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <em-figure [heading]="heading()" [description]="description()">
      @let drawn = chart();
      @if (series().length > 1) {
        <ul class="legend" aria-label="Marks">
          @for (name of series(); track $index) {
            <li>
              <svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true" focusable="false">
                <path class="share-mark" [attr.d]="marks[$index]" />
              </svg>
              {{ name }}
            </li>
          }
        </ul>
      }
      <svg
        class="chart"
        role="img"
        [attr.aria-label]="summary()"
        [attr.width]="viewWidth()"
        [attr.height]="drawn.height"
        [attr.viewBox]="'0 0 ' + viewWidth() + ' ' + drawn.height"
      >
        @for (tick of drawn.ticks; track tick.label) {
          <line class="grid" [attr.x1]="tick.x" [attr.x2]="tick.x" y1="0" [attr.y2]="drawn.plotHeight" />
          <text class="tick" text-anchor="middle" [attr.x]="tick.x" [attr.y]="drawn.plotHeight + 18">
            {{ tick.label }}
          </text>
        }
        @for (group of drawn.groups; track $index) {
          <text class="bar-label" x="0" [attr.y]="group.y + 14">{{ group.label }}</text>
          @for (point of group.points; track point.series) {
            <line
              class="interval"
              [attr.x1]="point.low"
              [attr.x2]="point.high"
              [attr.y1]="point.y"
              [attr.y2]="point.y"
            />
            <path
              class="share-mark"
              [attr.d]="marks[point.series]"
              [attr.transform]="'translate(' + point.x + ',' + point.y + ')'"
            />
          }
        }
      </svg>
      <ng-template #twin
        ><table>
          <thead>
            <tr>
              <th scope="col">{{ column() }}</th>
              @for (name of series(); track $index) {
                <th scope="col" class="number">{{ name }}</th>
              }
            </tr>
          </thead>
          <tbody>
            @for (group of groups(); track $index) {
              <tr>
                <th scope="row">{{ group.name }}</th>
                @for (share of group.shares; track $index) {
                  <td class="number">{{ shareWords(share) }}</td>
                }
              </tr>
            }
          </tbody>
        </table></ng-template
      >
    </em-figure>
  `,
})
export class SharesChartView {
  readonly heading = input.required<string>();
  readonly description = input.required<string>();
  /** What the groups are. */
  readonly column = input.required<string>();
  /** Names of the series, `MAX_SERIES` at most. */
  readonly series = input.required<readonly string[]>();
  readonly groups = input.required<readonly ShareGroup[]>();

  protected readonly viewWidth = elementWidth();
  protected readonly chart = computed(() => sharesChart(this.groups(), this.viewWidth()));
  protected readonly summary = computed(() => {
    const first = this.groups()[0];
    const said = first?.shares.map((share, index) => `${this.series()[index]} ${shareWords(share)}`).join(', ');
    return first ? `${this.groups().length} rows; ${first.name}: ${said}.` : 'Nothing was asked.';
  });
  protected readonly marks = MARKS;
  protected readonly shareWords = shareWords;
}
