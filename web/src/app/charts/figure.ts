import { NgTemplateOutlet } from '@angular/common';
import { ChangeDetectionStrategy, Component, contentChild, input, signal, type TemplateRef } from '@angular/core';

/**
 * A chart with its title, description and table twin. The twin is the template `#twin` inside, which is not made before
 * somebody opens it: that of a long recording has thousands of cells.
 */
@Component({
  selector: 'em-figure',
  imports: [NgTemplateOutlet],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <figure class="figure">
      <figcaption>
        <h2>{{ heading() }}</h2>
        <p>{{ description() }}</p>
      </figcaption>
      <ng-content />
      <details #details class="twin" (toggle)="open.set(details.open)">
        <summary>
          As a table<span class="visually-hidden">: {{ heading() }}</span>
        </summary>
        <div class="table-scroll" tabindex="0" role="region" [attr.aria-label]="heading() + ', table'">
          @if (open()) {
            <ng-container [ngTemplateOutlet]="twin()" />
          }
        </div>
      </details>
    </figure>
  `,
})
export class Figure {
  readonly heading = input.required<string>();
  readonly description = input.required<string>();
  protected readonly twin = contentChild.required<TemplateRef<unknown>>('twin');
  protected readonly open = signal(false);
}
