import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import { percent } from '../ui/format';
import { elementWidth } from '../ui/width';
import { Figure } from './figure';
import { type ReliabilityBin, reliabilityChart } from './reliability';

/** Whether answers are as often right as they say: points on the line are. */
@Component({
  selector: 'em-reliability-chart',
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
          <line
            class="grid"
            [attr.x1]="drawn.left"
            [attr.x2]="drawn.left + drawn.side"
            [attr.y1]="tick.y"
            [attr.y2]="tick.y"
          />
          <text class="tick" text-anchor="end" [attr.x]="drawn.left - 8" [attr.y]="tick.y + 4">{{ tick.label }}</text>
          <text class="tick" text-anchor="middle" [attr.x]="tick.at" [attr.y]="drawn.height - 28">
            {{ tick.label }}
          </text>
        }
        <line
          class="threshold"
          [attr.x1]="drawn.ticks[0]!.at"
          [attr.y1]="drawn.ticks[0]!.y"
          [attr.x2]="drawn.ticks[4]!.at"
          [attr.y2]="drawn.ticks[4]!.y"
        />
        @for (point of drawn.points; track $index) {
          <circle class="share-mark" [attr.cx]="point.x" [attr.cy]="point.y" [attr.r]="point.r" />
        }
        <text class="axis-title" [attr.x]="drawn.left" [attr.y]="drawn.height - 6">
          said, % (upwards: right, %; dots: by how many)
        </text>
      </svg>
      <ng-template #twin
        ><table>
          <thead>
            <tr>
              <th scope="col" class="number">Said</th>
              <th scope="col" class="number">Right</th>
              <th scope="col" class="number">Answers</th>
            </tr>
          </thead>
          <tbody>
            @for (bin of bins(); track $index) {
              <tr>
                <td class="number">{{ percent(bin.said) }}</td>
                <td class="number">{{ whole(bin.found) }}</td>
                <td class="number">{{ bin.queries }}</td>
              </tr>
            }
          </tbody>
        </table></ng-template
      >
    </em-figure>
  `,
})
export class ReliabilityChartView {
  readonly heading = input.required<string>();
  readonly description = input.required<string>();
  readonly bins = input.required<readonly ReliabilityBin[]>();
  /** Expected calibration error, 0 to 1, if it is known. */
  readonly error = input<number | null>(null);

  protected readonly viewWidth = elementWidth();
  protected readonly chart = computed(() => reliabilityChart(this.bins(), this.viewWidth()));
  protected readonly summary = computed(() => {
    const error = this.error();
    const off = error === null ? '' : `; on average off by ${(100 * error).toFixed(1)} points of a hundred`;
    return `${this.bins().length} groups of answers by how sure they were${off}.`;
  });
  protected readonly percent = percent;
  protected readonly whole = (value: number) => `${Math.round(100 * value)}\u202f%`;
}
