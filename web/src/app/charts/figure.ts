import { ChangeDetectionStrategy, Component, input } from '@angular/core';

/** A chart with its title, description and table twin. The twin is projected with the attribute `twin`. */
@Component({
  selector: 'em-figure',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <figure class="figure">
      <figcaption>
        <h2>{{ heading() }}</h2>
        <p>{{ description() }}</p>
      </figcaption>
      <ng-content />
      <details class="twin">
        <summary>
          As a table<span class="visually-hidden">: {{ heading() }}</span>
        </summary>
        <div class="table-scroll" tabindex="0" role="region" [attr.aria-label]="heading() + ', table'">
          <ng-content select="[twin]" />
        </div>
      </details>
    </figure>
  `,
})
export class Figure {
  readonly heading = input.required<string>();
  readonly description = input.required<string>();
}
