import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import { clock, fixed } from '../ui/format';
import { elementWidth } from '../ui/width';
import { type Along, alongPoints, dipOf, divergenceLane } from './divergence-lane';
import { Figure } from './figure';
import { clockTicks } from './timeline';

const ROWS = 10;
const HEIGHT = 240;

/** Divergence along a track on its own, where nothing was aligned. */
@Component({
  selector: 'em-divergence-chart',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <em-figure
      [heading]="'Divergence along “' + trackTitle() + '”'"
      description="How unlike the snippet sounds at each place of the track. Unrelated music keeps near the dashed line; the true place is one dip far below it."
    >
      @let drawn = lane();
      <svg
        class="chart"
        role="img"
        [attr.aria-label]="summary()"
        [attr.width]="viewWidth()"
        [attr.height]="height"
        [attr.viewBox]="'0 0 ' + viewWidth() + ' ' + height"
      >
        <text class="axis-title" x="0" y="14">divergence, nats: less is more alike</text>
        @for (tick of drawn.yTicks; track tick.label) {
          <line class="grid" [attr.x1]="frame().left" [attr.x2]="frame().right" [attr.y1]="tick.y" [attr.y2]="tick.y" />
          <text class="tick" text-anchor="end" [attr.x]="frame().left - 8" [attr.y]="tick.y + 4">{{ tick.label }}</text>
        }
        @for (tick of ticks(); track tick.value) {
          <text class="tick" text-anchor="middle" [attr.x]="tick.x" [attr.y]="frame().bottom + 19">
            {{ tick.label }}
          </text>
        }
        <text class="axis-title" [attr.x]="frame().left" [attr.y]="frame().bottom + 38">place in the track</text>
        <line
          class="threshold"
          [attr.x1]="frame().left"
          [attr.x2]="frame().right"
          [attr.y1]="drawn.unrelatedY"
          [attr.y2]="drawn.unrelatedY"
        />
        <path class="line" [attr.d]="drawn.path" />
        @if (drawn.dip; as dip) {
          <circle class="peak passes" r="6" [attr.cx]="dip.x" [attr.cy]="dip.y" />
          <text
            class="peak-label"
            [attr.text-anchor]="dip.x > frame().right - 110 ? 'end' : 'start'"
            [attr.x]="dip.x > frame().right - 110 ? dip.x - 13 : dip.x + 13"
            [attr.y]="dip.y - 6"
          >
            {{ clock(dip.point.lag, 1) }}
          </text>
        }
      </svg>
      <ng-template #twin
        ><table>
          <caption>
            The places of least divergence; unrelated sound has
            {{
              fixed(along().unrelated, 1)
            }}
          </caption>
          <thead>
            <tr>
              <th scope="col" class="number">Place</th>
              <th scope="col" class="number">Divergence, nats</th>
            </tr>
          </thead>
          <tbody>
            @for (row of rows(); track row.lag) {
              <tr>
                <th scope="row" class="number">{{ clock(row.lag, 1) }}</th>
                <td class="number">{{ fixed(row.value, 2) }}</td>
              </tr>
            }
          </tbody>
        </table></ng-template
      >
    </em-figure>
  `,
})
export class DivergenceChartView {
  readonly along = input.required<Along>();
  readonly trackTitle = input('');

  protected readonly viewWidth = elementWidth();
  protected readonly height = HEIGHT;
  private readonly points = computed(() => alongPoints(this.along()));
  protected readonly frame = computed(() => ({
    low: this.points()[0]?.lag ?? 0,
    high: this.points()[this.points().length - 1]?.lag ?? 1,
    left: 44,
    right: Math.max(84, this.viewWidth() - 14),
    top: 30,
    bottom: HEIGHT - 46,
  }));
  protected readonly lane = computed(() => divergenceLane(this.points(), this.along().unrelated, this.frame()));
  protected readonly ticks = computed(() => {
    const { low, high, left, right } = this.frame();
    return clockTicks(low, high, right - left).map((tick) => ({
      ...tick,
      x: left + ((tick.value - low) / (high - low || 1)) * (right - left),
    }));
  });
  protected readonly rows = computed(() => [...this.points()].sort((a, b) => a.value - b.value).slice(0, ROWS));
  protected readonly summary = computed(() => {
    const dip = dipOf(this.points());
    if (!dip) return 'No measurements.';
    return `Divergence is least, ${fixed(dip.value, 1)} nats, with the snippet starting at ${clock(dip.lag, 1)}; unrelated sound has ${fixed(this.along().unrelated, 0)}.`;
  });
  protected readonly clock = clock;
  protected readonly fixed = fixed;
}
