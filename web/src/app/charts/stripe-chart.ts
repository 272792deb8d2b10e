import {
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  type ElementRef,
  inject,
  input,
  viewChild,
} from '@angular/core';

import { fixed } from '../ui/format';
import { ThemeChoice } from '../ui/theme';
import { Figure } from './figure';
import { pixels, rowMeans, type Stripe } from './stripe';

/** Agreement of the fingerprint's bits at the place and beside it: a true match is a clean stripe. */
@Component({
  selector: 'em-stripe',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <em-figure
      heading="Bits, frame by frame"
      description="Each row is a place in the track, the best one in the middle; each column a moment of the snippet. The darker, the more bits of the fingerprint agree. A true match is one clean stripe; chance is a drizzle."
    >
      <canvas #canvas class="stripe" role="img" [attr.aria-label]="summary()"></canvas>
      <p class="arousal-ends" aria-hidden="true">
        <span>0 s of the snippet</span><span>{{ fixed(columns() * stripe().hop_s, 1) }} s</span>
      </p>
      <ng-template #twin
        ><table>
          <thead>
            <tr>
              <th scope="col" class="number">Beside the place, s</th>
              <th scope="col" class="number">Mean agreement</th>
            </tr>
          </thead>
          <tbody>
            @for (row of rows(); track row.shift) {
              <tr>
                <th scope="row" class="number">{{ fixed(row.shift, 2) }}</th>
                <td class="number">{{ row.mean === null ? '–' : fixed(row.mean, 2) }}</td>
              </tr>
            }
          </tbody>
        </table></ng-template
      >
    </em-figure>
  `,
})
export class StripeChart {
  readonly stripe = input.required<Stripe>();

  private readonly canvas = viewChild.required<ElementRef<HTMLCanvasElement>>('canvas');
  private readonly themes = inject(ThemeChoice);
  protected readonly columns = computed(() => this.stripe().rows[0]?.length ?? 0);
  protected readonly rows = computed(() => {
    const means = rowMeans(this.stripe());
    return this.stripe().shifts_s.map((shift, index) => ({ shift, mean: means[index] ?? null }));
  });
  protected readonly summary = computed(() => {
    const middle = this.rows().find((row) => row.shift === 0)?.mean ?? 0;
    const beside = Math.max(0, ...this.rows().flatMap((row) => (Math.abs(row.shift) > 0.1 ? [row.mean ?? 0] : [])));
    return `At the place, ${fixed(middle, 2)} of 1 agree on average; beside it at most ${fixed(beside, 2)}.`;
  });

  constructor() {
    effect(() => {
      this.themes.theme();
      const [stripe, canvas] = [this.stripe(), this.canvas().nativeElement];
      const [width, height] = [this.columns(), stripe.rows.length];
      const context = canvas.getContext('2d');
      if (!context || !width) return;
      // Set here, not in the template: setting either clears the picture.
      canvas.width = width;
      canvas.height = height;
      const style = getComputedStyle(canvas);
      const colour = (name: string) => rgb(style.getPropertyValue(name));
      context.putImageData(new ImageData(pixels(stripe, colour('--card'), colour('--accent')), width, height), 0, 0);
    });
  }

  protected readonly fixed = fixed;
}

/** `#0b6247` as numbers. */
function rgb(hex: string): readonly [number, number, number] {
  const value = parseInt(hex.trim().slice(1), 16) || 0;
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
