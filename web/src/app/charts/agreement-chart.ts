import { ChangeDetectionStrategy, Component, computed, input, signal } from '@angular/core';

import { clock, fixed } from '../ui/format';
import { elementWidth } from '../ui/width';
import { agreementChart, type Alignment, highest, peaks, pointsOf } from './agreement';
import { type Along, alongPoints, dipOf, divergenceLane } from './divergence-lane';
import { Figure } from './figure';

const AROUND_S = 3;
const ROWS = 10;
/** Height of the lane of divergence, with the gap above it. */
const LANE = 130;
const GAP = 34;

/**
 * Lanes on one time axis, the track's: agreement of the snippet's fingerprint at every place with the threshold of the
 * decision, and divergence, which dips at the true place.
 */
@Component({
  selector: 'em-agreement-chart',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './agreement-chart.html',
})
export class AgreementChartView {
  readonly alignment = input.required<Alignment>();
  /** Divergence along the same track; tags of earlier releases have none. */
  readonly along = input<Along | null>(null);
  readonly trackTitle = input('');

  protected readonly viewWidth = elementWidth();
  private readonly laneHeight = computed(() => (this.viewWidth() < 480 ? 240 : 280));
  protected readonly viewHeight = computed(() => this.laneHeight() + (this.along() ? GAP + LANE : 0));
  /** Whole track, or the seconds around the highest place. */
  protected readonly near = signal(false);
  private readonly pointer = signal<number | null>(null);

  private readonly places = computed(() => pointsOf(this.alignment()));
  private readonly alongPlaces = computed(() => {
    const along = this.along();
    return along ? alongPoints(along) : [];
  });
  protected readonly best = computed(() => highest(this.places()));
  protected readonly chart = computed(() => {
    const best = this.best();
    const range = this.near() && best ? ([best.lag - AROUND_S, best.lag + AROUND_S] as const) : null;
    return agreementChart(this.places(), this.alignment().threshold, this.viewWidth(), this.laneHeight(), range);
  });
  protected readonly lane = computed(() => {
    const [along, { low, high, left, right }] = [this.along(), this.chart()];
    const top = this.laneHeight() + GAP;
    if (!along || along.offsets_s.length === 0) return null;
    const frame = { low, high, left, right, top, bottom: top + LANE - 8 };
    return { ...divergenceLane(this.alongPlaces(), along.unrelated, frame), top: frame.top, bottom: frame.bottom };
  });
  protected readonly reading = computed(() => {
    const pixel = this.pointer();
    return pixel === null ? null : this.chart().at(pixel);
  });
  protected readonly laneReading = computed(() => {
    const pixel = this.pointer();
    return pixel === null ? null : (this.lane()?.at(pixel) ?? null);
  });
  /** What the cursor is on, in words. */
  protected readonly readingWords = computed(() => {
    const [read, below] = [this.reading(), this.laneReading()];
    if (!read) return 'Move along the track';
    const also = below ? `, divergence ${fixed(below.point.value, 1)} nats` : '';
    return `${clock(read.point.lag, 1)}: agreement ${fixed(read.point.value, 3)}${also}`;
  });
  protected readonly rows = computed(() => peaks(this.places(), ROWS, 1));
  protected readonly points = computed(() => this.places().length);
  protected readonly summary = computed(() => {
    const best = this.best();
    if (!best) return 'No measurements.';
    const threshold = this.alignment().threshold;
    const found = `Highest agreement ${fixed(best.value, 2)} with the snippet starting at ${clock(best.lag, 1)}`;
    const along = this.along();
    const dip = along && dipOf(this.alongPlaces());
    const also = dip
      ? ` Divergence is least, ${fixed(dip.value, 1)} nats, at ${clock(dip.lag, 1)}; unrelated sound has ${fixed(along.unrelated, 0)}.`
      : '';
    if (threshold === null) return `${found}.${also}`;
    return `${found}; the decision threshold is ${fixed(threshold, 2)}.${also}`;
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

  /** Move the cursor by keys: from 0, the left edge, to 1000. */
  protected slide(event: Event): void {
    const { left, right } = this.chart();
    this.pointer.set(left + ((right - left) * Number((event.target as HTMLInputElement).value)) / 1000);
  }

  protected leave(): void {
    this.pointer.set(null);
  }
}
