import { ChangeDetectionStrategy, Component, computed, input, signal } from '@angular/core';

import { clock, fixed } from '../ui/format';
import { elementWidth } from '../ui/width';
import { agreementChart, type Alignment, peaks, pointsOf } from './agreement';
import { Figure } from './figure';

const AROUND_S = 3;
const ROWS = 10;

/** Agreement of the snippet's fingerprint with a track at every lag, and the threshold of the decision. */
@Component({
  selector: 'em-agreement-chart',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './agreement-chart.html',
})
export class AgreementChartView {
  readonly alignment = input.required<Alignment>();
  readonly trackTitle = input('');

  protected readonly viewWidth = elementWidth();
  protected readonly viewHeight = computed(() => (this.viewWidth() < 480 ? 240 : 280));
  /** Whole track, or the seconds around the highest place. */
  protected readonly near = signal(false);
  private readonly pointer = signal<number | null>(null);

  protected readonly best = computed(() => peaks(pointsOf(this.alignment()), 1, 0)[0] ?? null);
  protected readonly chart = computed(() => {
    const best = this.best();
    const range = this.near() && best ? ([best.lag - AROUND_S, best.lag + AROUND_S] as const) : null;
    return agreementChart(this.alignment(), this.viewWidth(), this.viewHeight(), range);
  });
  protected readonly reading = computed(() => {
    const pixel = this.pointer();
    return pixel === null ? null : this.chart().at(pixel);
  });
  protected readonly rows = computed(() => peaks(pointsOf(this.alignment()), ROWS, 1));
  protected readonly points = computed(() => pointsOf(this.alignment()).length);
  protected readonly summary = computed(() => {
    const best = this.best();
    if (!best) return 'No measurements.';
    const threshold = this.alignment().threshold;
    const found = `Highest agreement ${fixed(best.value, 2)} with the snippet starting at ${clock(best.lag, 1)}`;
    if (threshold === null) return `${found}.`;
    return `${found}; the decision threshold is ${fixed(threshold, 2)}.`;
  });
  protected readonly heading = computed(() =>
    this.trackTitle() ? `Agreement along “${this.trackTitle()}”` : 'Agreement along the track',
  );
  protected readonly clock = clock;
  protected readonly fixed = fixed;

  protected point(event: PointerEvent): void {
    const svg = event.currentTarget as SVGElement;
    this.pointer.set(event.clientX - svg.getBoundingClientRect().left);
  }

  protected leave(): void {
    this.pointer.set(null);
  }
}
