import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import { elementWidth } from '../ui/width';
import { Figure } from './figure';
import { type Moment, seriesChart } from './series';

const HEIGHT = 150;
const SPAN_S = 300;
const ROWS = 12;

/** What changes while one looks, over the last five minutes. */
@Component({
  selector: 'em-series-chart',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <em-figure [heading]="heading()" [description]="description()">
      @let drawn = chart();
      <svg
        class="chart"
        role="img"
        [attr.aria-label]="summary()"
        [attr.width]="viewWidth()"
        [attr.height]="height"
        [attr.viewBox]="'0 0 ' + viewWidth() + ' ' + height"
      >
        @for (tick of drawn.yTicks; track tick.label) {
          <line class="grid" [attr.x1]="drawn.left" [attr.x2]="drawn.right" [attr.y1]="tick.y" [attr.y2]="tick.y" />
          <text class="tick" text-anchor="end" [attr.x]="drawn.left - 8" [attr.y]="tick.y + 4">{{ tick.label }}</text>
        }
        <path class="line" [attr.d]="drawn.path" />
        @if (drawn.last; as last) {
          <circle class="crosshair-dot" r="4" [attr.cx]="last.x" [attr.cy]="last.y" />
        }
        <text class="axis-title" [attr.x]="drawn.left" [attr.y]="height - 6">5 minutes ago</text>
        <text class="axis-title" text-anchor="end" [attr.x]="drawn.right" [attr.y]="height - 6">now</text>
      </svg>
      <ng-template #twin
        ><table>
          <thead>
            <tr>
              <th scope="col" class="number">Seconds ago</th>
              <th scope="col" class="number">{{ unit() }}</th>
            </tr>
          </thead>
          <tbody>
            @for (row of rows(); track row.ago) {
              <tr>
                <th scope="row" class="number">{{ row.ago }}</th>
                <td class="number">{{ row.text }}</td>
              </tr>
            }
          </tbody>
        </table></ng-template
      >
    </em-figure>
  `,
})
export class SeriesChartView {
  readonly heading = input.required<string>();
  readonly description = input.required<string>();
  readonly unit = input.required<string>();
  readonly moments = input.required<readonly Moment[]>();

  protected readonly height = HEIGHT;
  protected readonly viewWidth = elementWidth();
  protected readonly chart = computed(() => seriesChart(this.moments(), this.viewWidth(), HEIGHT, SPAN_S));
  protected readonly rows = computed(() => {
    const moments = this.moments();
    const end = moments[moments.length - 1]?.at ?? 0;
    return moments
      .slice(-ROWS)
      .reverse()
      .map((one) => ({ ago: Math.round(end - one.at), text: one.value.toFixed(1) }));
  });
  protected readonly summary = computed(() => {
    const last = this.moments()[this.moments().length - 1];
    return last ? `${last.value.toFixed(1)} ${this.unit()} now.` : 'Not measured yet.';
  });
}
