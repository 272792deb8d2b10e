import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';
import { RouterLink } from '@angular/router';

import type { AlikeTrack } from '../api/types';
import { Figure } from '../charts/figure';
import { BAR, nearestChart } from '../charts/nearest';
import { fixed } from '../ui/format';
import { elementWidth } from '../ui/width';
import { closeness, whyWords } from './alike';

/** Tracks that sound alike as wholes: bars in nats, and why. */
@Component({
  selector: 'em-alike-chart',
  imports: [Figure, RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <em-figure
      heading="What sounds alike"
      description="Symmetric Kullback-Leibler divergence between whole tracks, whatever the order of their sounds. Shorter is more alike; zero is the same. The table says what differs most."
    >
      @let drawn = chart();
      <svg
        class="chart"
        role="img"
        [attr.aria-label]="summary()"
        [attr.width]="width()"
        [attr.height]="drawn.height"
        [attr.viewBox]="'0 0 ' + width() + ' ' + drawn.height"
      >
        @for (tick of drawn.ticks; track tick.label) {
          <line class="grid" [attr.x1]="tick.x + 1" [attr.x2]="tick.x + 1" y1="0" [attr.y2]="drawn.plotHeight" />
          <text
            class="tick"
            [attr.x]="tick.x + 1"
            [attr.y]="drawn.plotHeight + 18"
            [attr.text-anchor]="tick.x < 8 ? 'start' : 'middle'"
          >
            {{ tick.label }}
          </text>
        }
        @for (bar of drawn.bars; track bar.item.track_id) {
          <text class="bar-label" x="0" [attr.y]="bar.y + 14">{{ bar.label }}</text>
          <rect class="bar" x="1" rx="2" [attr.y]="bar.barY" [attr.width]="bar.width" [attr.height]="barHeight" />
          <text class="bar-value" [attr.x]="bar.width + 8" [attr.y]="bar.barY + 12">
            {{ fixed(bar.item.divergence, 1) }}
          </text>
        }
        <text class="axis-title" x="0" [attr.y]="drawn.plotHeight + 38">divergence, nats</text>
      </svg>
      <ng-template #twin
        ><table>
          <thead>
            <tr>
              <th scope="col">Track</th>
              <th scope="col">Artist</th>
              <th scope="col" class="number">Divergence, nats</th>
              <th scope="col" class="number">Closer than</th>
              <th scope="col">What differs most</th>
            </tr>
          </thead>
          <tbody>
            @for (item of items(); track item.track_id) {
              <tr>
                <th scope="row">
                  <a [routerLink]="['/tracks', item.track_id]">{{ item.title }}</a>
                </th>
                <td>{{ item.artist ?? '–' }}</td>
                <td class="number">{{ fixed(item.divergence, 2) }}</td>
                <td class="number">{{ closeness(item) }}</td>
                <td>{{ whyWords(item) }}</td>
              </tr>
            }
          </tbody>
        </table></ng-template
      >
    </em-figure>
  `,
})
export class AlikeChart {
  /** Most alike first. */
  readonly items = input.required<readonly AlikeTrack[]>();

  protected readonly width = elementWidth();
  protected readonly barHeight = BAR;
  protected readonly chart = computed(() => nearestChart(this.items(), this.width()));
  protected readonly summary = computed(() => {
    const first = this.items()[0];
    return first ? `Most alike: ${first.title}, ${fixed(first.divergence, 1)} nats.` : 'No tracks.';
  });
  protected readonly closeness = closeness;
  protected readonly fixed = fixed;
  protected readonly whyWords = whyWords;
}
