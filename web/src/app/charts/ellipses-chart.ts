import { extent } from 'd3-array';
import { ChangeDetectionStrategy, Component, computed, input, signal } from '@angular/core';

import { clock, fixed, percent } from '../ui/format';
import { elementWidth } from '../ui/width';
import { Figure } from './figure';
import { between, coefficients, type Ellipse, ellipses, type Mixture, separating } from './mixture';
import { scaleLinear } from './scale';

export interface DrawnMixture extends Mixture {
  readonly start_s: number;
}

export interface DrawnMixtures {
  readonly snippet: DrawnMixture;
  readonly track: DrawnMixture;
  readonly rival: DrawnMixture | null;
}

const BEST = 'best';
const FOOT = 40;
const LEFT = 46;

/** The mixtures that divergence compares, as ellipses in a plane that one chooses. */
@Component({
  selector: 'em-ellipses',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './ellipses-chart.html',
})
export class EllipsesChart {
  readonly mixtures = input.required<DrawnMixtures>();
  readonly trackTitle = input('the track');
  readonly rivalTitle = input('another track');
  /** What the solid ellipses are of, and the dashed ones. */
  readonly solid = input('what was heard');
  readonly dashed = input("the track's window");

  protected readonly viewWidth = elementWidth();
  protected readonly across = signal<string>(BEST);
  protected readonly up = signal('1');
  /** From the track (0) to its rival (1). */
  protected readonly morph = signal(0);
  protected readonly names = computed(() => this.mixtures().snippet.means[0]!.map((_, index) => `c${index + 1}`));
  protected readonly best = computed(() => this.across() === BEST);

  private readonly plane = computed(() => {
    const { snippet, track, rival } = this.mixtures();
    const d = this.names().length;
    if (this.best()) return separating(rival ? track : snippet, rival ?? track);
    return coefficients(Number(this.across()), Number(this.up()), d);
  });
  private readonly shown = computed(() => {
    const { track, rival } = this.mixtures();
    return rival ? between(track, rival, this.morph()) : track;
  });

  protected readonly chart = computed(() => {
    const [{ snippet, track, rival }, plane] = [this.mixtures(), this.plane()];
    const mine = ellipses(snippet, plane);
    const theirs = ellipses(this.shown(), plane);
    // The frame holds both ends, so that it keeps still while one goes from one to the other.
    const all = [...mine, ...ellipses(track, plane), ...(rival ? ellipses(rival, plane) : [])];
    const [x0, x1] = extent(all.flatMap((one) => [one.x - one.a, one.x + one.a])) as [number, number];
    const [y0, y1] = extent(all.flatMap((one) => [one.y - one.a, one.y + one.a])) as [number, number];
    const width = Math.max(120, this.viewWidth() - LEFT - 10);
    const height = Math.min(360, width);
    // One scale for both axes, or ellipses would lie about their shape.
    const unit = Math.min(width / (x1 - x0 || 1), height / (y1 - y0 || 1));
    const x = scaleLinear([(x0 + x1) / 2 - width / 2 / unit, (x0 + x1) / 2 + width / 2 / unit], [LEFT, LEFT + width]);
    const y = scaleLinear([(y0 + y1) / 2 - height / 2 / unit, (y0 + y1) / 2 + height / 2 / unit], [height, 0]);
    const place = (name: string, kind: string) => (one: Ellipse, index: number) => ({
      ...one,
      name: `${name}, ${index + 1}`,
      class: `ellipse ${kind}`,
      transform: `translate(${x(one.x).toFixed(1)},${y(one.y).toFixed(1)}) rotate(${(-one.angle).toFixed(1)})`,
      rx: Math.max(1, one.a * unit),
      ry: Math.max(1, one.b * unit),
      width: 1 + 5 * one.weight,
    });
    const format = x.tickFormat(5);
    return {
      ellipses: [...mine.map(place('solid', 'mine')), ...theirs.map(place('dashed', 'theirs'))],
      xTicks: x.ticks(5).map((value) => ({ at: x(value), label: format(value) })),
      yTicks: y.ticks(5).map((value) => ({ at: y(value), label: y.tickFormat(5)(value) })),
      left: LEFT,
      right: LEFT + width,
      bottom: height,
      height: height + FOOT,
    };
  });
  protected readonly axes = computed(() =>
    this.best()
      ? (['furthest apart', 'widest spread'] as const)
      : ([this.names()[+this.across()]!, this.names()[+this.up()]!] as const),
  );
  protected readonly summary = computed(
    () =>
      `${this.chart().ellipses.length} ellipses, one standard deviation wide: solid of ${this.solid()}, dashed of ${this.morph() < 0.5 ? this.trackTitle() : this.rivalTitle()}.`,
  );

  protected choose(which: 'across' | 'up', event: Event): void {
    this[which].set((event.target as HTMLSelectElement).value);
  }

  protected slide(event: Event): void {
    this.morph.set(Number((event.target as HTMLInputElement).value) / 100);
  }

  protected readonly bestName = BEST;
  protected readonly clock = clock;
  protected readonly fixed = fixed;
  protected readonly percent = percent;
}
