import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import { elementWidth } from '../ui/width';
import { type BarRow, barsChart } from './bars';
import { Figure } from './figure';

/** Named numbers as bars. */
@Component({
  selector: 'em-bars-chart',
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
        [attr.height]="drawn.height"
        [attr.viewBox]="'0 0 ' + viewWidth() + ' ' + drawn.height"
      >
        @for (tick of drawn.ticks; track tick.label) {
          <line class="grid" [attr.x1]="tick.x" [attr.x2]="tick.x" y1="0" [attr.y2]="drawn.plotHeight" />
          <text
            class="tick"
            [attr.x]="tick.x"
            [attr.y]="drawn.plotHeight + 18"
            [attr.text-anchor]="tick.x < 12 ? 'start' : 'middle'"
          >
            {{ tick.label }}
          </text>
        }
        <line class="axis" [attr.x1]="drawn.zero" [attr.x2]="drawn.zero" y1="0" [attr.y2]="drawn.plotHeight" />
        @for (bar of drawn.bars; track $index) {
          <text class="bar-label" x="0" [attr.y]="bar.y + 14">{{ bar.label }}</text>
          <rect
            class="bar"
            [class.named]="named().includes(bar.row.name)"
            rx="2"
            height="12"
            [attr.x]="bar.x"
            [attr.y]="bar.y + 20"
            [attr.width]="bar.width"
          />
          <text class="bar-value" [attr.x]="bar.textX" [attr.y]="bar.y + 31">
            {{ bar.row.text }}{{ named().includes(bar.row.name) ? ' ✓' : '' }}
          </text>
        }
      </svg>
      <ng-template #twin
        ><table>
          <thead>
            <tr>
              <th scope="col">{{ columns()[0] }}</th>
              <th scope="col" class="number">{{ columns()[1] }}</th>
            </tr>
          </thead>
          <tbody>
            @for (row of rows(); track $index) {
              <tr>
                <th scope="row">{{ row.name }}{{ named().includes(row.name) ? ' ✓' : '' }}</th>
                <td class="number">{{ row.text }}</td>
              </tr>
            }
          </tbody>
        </table></ng-template
      >
    </em-figure>
  `,
})
export class BarsChartView {
  readonly heading = input.required<string>();
  readonly description = input.required<string>();
  readonly columns = input.required<readonly [string, string]>();
  readonly rows = input.required<readonly BarRow[]>();
  /** Rows that the answer names: marked in the drawing and in words. */
  readonly named = input<readonly string[]>([]);

  protected readonly viewWidth = elementWidth();
  protected readonly chart = computed(() => barsChart(this.rows(), this.viewWidth()));
  protected readonly summary = computed(() => {
    const first = this.rows()[0];
    return first ? `${this.rows().length} bars, first ${first.name}: ${first.text}.` : 'No bars.';
  });
}
