import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import { clock, fixed } from '../ui/format';
import { elementWidth } from '../ui/width';
import { Figure } from './figure';
import { BAR, nearestChart, type NearItem } from './nearest';

export interface Neighbour extends NearItem {
  readonly source: string;
  readonly window_start_s: number;
}

/** Tracks of least symmetric KL divergence, as bars in nats. */
@Component({
  selector: 'em-nearest-chart',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './nearest-chart.html',
})
export class NearestChartView {
  readonly items = input.required<readonly Neighbour[]>();
  /** Tracks that the verdict names: marked in the drawing and in words. */
  readonly named = input<readonly string[]>([]);
  /** Whether no nearer track can be missing. */
  readonly exact = input(true);

  private readonly width = elementWidth();
  protected readonly barHeight = BAR;
  protected readonly chart = computed(() => nearestChart(this.items(), this.width()));
  protected readonly viewWidth = this.width;
  protected readonly description = computed(
    () =>
      'Symmetric Kullback-Leibler divergence between the snippet and the nearest window of each track. ' +
      'Shorter is more alike; zero is the same.' +
      (this.exact() ? '' : ' Not every window was compared: nearer tracks may be missing.'),
  );
  protected readonly summary = computed(() => {
    const bars = this.chart().bars;
    const first = bars[0];
    if (!first) return 'No tracks.';
    return `Nearest of ${bars.length}: ${first.item.title}, ${fixed(first.item.divergence, 1)} nats.`;
  });
  protected readonly clock = clock;
  protected readonly fixed = fixed;

  protected isNamed(id: string): boolean {
    return this.named().includes(id);
  }
}
