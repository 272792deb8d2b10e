import { ChangeDetectionStrategy, Component, computed, input, output, signal } from '@angular/core';

import { type MatrixCell, matrixOf, type MatrixShown } from './matrix';

const CHOICES: readonly { readonly shown: MatrixShown; readonly words: string }[] = [
  { shown: 'counts', words: 'Counts' },
  { shown: 'recall', words: 'Per cent of the row' },
  { shown: 'precision', words: 'Per cent of the column' },
];

/** A matrix of confusion, chart and table in one: every cell leads to what is in it. */
@Component({
  selector: 'em-matrix',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="figure">
      <header>
        <h2>What is taken for what</h2>
        <p>
          Rows are the truth, columns the answer: {{ matrix().right }} of {{ matrix().total }} are right. Recall is how
          much of a label is found, precision how much of what bears its name is right.
          {{ followed() ? 'A cell opens its clips.' : '' }}
        </p>
      </header>
      <fieldset class="segments" aria-label="What the cells show">
        @for (choice of choices; track choice.shown) {
          <label>
            <input
              type="radio"
              name="matrix-shown"
              [checked]="shown() === choice.shown"
              (change)="shown.set(choice.shown)"
            />
            <span>{{ choice.words }}</span>
          </label>
        }
      </fieldset>
      <div class="table-scroll" tabindex="0" role="region" aria-label="What is taken for what, table">
        <table class="matrix">
          <thead>
            <tr>
              <th scope="col">Truth</th>
              @for (label of labels(); track $index) {
                <th scope="col" class="matrix-head">{{ label }}</th>
              }
              <th scope="col" class="number">Recall, %</th>
            </tr>
          </thead>
          <tbody>
            @for (row of matrix().rows; track $index) {
              <tr>
                <th scope="row">{{ labels()[$index] }}</th>
                @for (cell of row; track cell.column) {
                  <td [attr.data-step]="cell.step" [class.diagonal]="cell.row === cell.column">
                    @if (followed() && cell.count) {
                      <button
                        type="button"
                        [attr.aria-label]="words(cell)"
                        [attr.aria-pressed]="cell.row === open()?.row && cell.column === open()?.column"
                        (click)="chosen.emit(cell)"
                      >
                        {{ cell.text }}
                      </button>
                    } @else {
                      {{ cell.text }}
                    }
                  </td>
                }
                <td class="number">{{ whole(matrix().recall[$index]) }}</td>
              </tr>
            }
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">Precision, %</th>
              @for (value of matrix().precision; track $index) {
                <td>{{ whole(value) }}</td>
              }
              <td></td>
            </tr>
          </tfoot>
        </table>
      </div>
    </div>
  `,
})
export class MatrixChart {
  readonly labels = input.required<readonly string[]>();
  /** Truth (row) and answer (column). */
  readonly counts = input.required<readonly (readonly number[])[]>();
  /** Whether it is known which clips are in a cell. */
  readonly followed = input(false);
  /** The cell whose clips are shown. */
  readonly open = input<MatrixCell | null>(null);
  readonly chosen = output<MatrixCell>();

  protected readonly choices = CHOICES;
  protected readonly shown = signal<MatrixShown>('counts');
  protected readonly matrix = computed(() => matrixOf(this.counts(), this.shown()));

  protected words(cell: MatrixCell): string {
    const [truth, said] = [this.labels()[cell.row], this.labels()[cell.column]];
    return cell.row === cell.column
      ? `${cell.count} of ${truth}, rightly named`
      : `${cell.count} of ${truth}, taken for ${said}`;
  }

  protected readonly whole = (value: number | null | undefined) =>
    value === null || value === undefined ? '–' : String(Math.round(100 * value));
}
