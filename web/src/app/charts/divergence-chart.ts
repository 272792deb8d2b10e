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
    <em-figure [heading]="heading()" [description]="description()">
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
        @if (ownX(); as x) {
          <line class="crosshair" [attr.x1]="x" [attr.x2]="x" [attr.y1]="frame().top" [attr.y2]="frame().bottom" />
        }
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
            The places of least divergence;
            {{
              beside()
            }}
            has
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
  readonly heading = input.required<string>();
  readonly description = input(
    'How unlike the snippet sounds at each place of the track. Unrelated music keeps near the dashed line; the true place is one dip far below it.',
  );
  /** What is at the place of least divergence, and what the dashed line stands for. */
  readonly found = input('with the snippet starting at');
  readonly beside = input('unrelated sound');
  /** From where to where the sound itself is taken from this track: no other place is looked for there. */
  readonly own = input<readonly [number, number]>();

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
  private readonly others = computed(() => {
    const own = this.own();
    return own ? this.points().filter(({ lag }) => Math.abs(lag - own[0]) >= own[1] - own[0]) : this.points();
  });
  protected readonly lane = computed(() =>
    divergenceLane(this.points(), this.along().unrelated, this.frame(), () => dipOf(this.others())),
  );
  private readonly x = computed(() => {
    const { low, high, left, right } = this.frame();
    return (lag: number) => left + ((lag - low) / (high - low || 1)) * (right - left);
  });
  protected readonly ownX = computed(() => this.own() && this.x()(this.own()![0]));
  protected readonly ticks = computed(() => {
    const { low, high, left, right } = this.frame();
    return clockTicks(low, high, right - left).map((tick) => ({ ...tick, x: this.x()(tick.value) }));
  });
  protected readonly rows = computed(() => [...this.others()].sort((a, b) => a.value - b.value).slice(0, ROWS));
  protected readonly summary = computed(() => {
    const dip = this.rows()[0];
    if (!dip) return 'No measurements.';
    return `Divergence is least, ${fixed(dip.value, 1)} nats, ${this.found()} ${clock(dip.lag, 1)}; ${this.beside()} has ${fixed(this.along().unrelated, 0)}.`;
  });
  protected readonly clock = clock;
  protected readonly fixed = fixed;
}
