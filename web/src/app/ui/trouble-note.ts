import { ChangeDetectionStrategy, Component, input, output } from '@angular/core';

import type { Trouble } from '../api/problem';
import { Icon } from './icon';

/** A failure, in the service's own words, with a way out where there is one. */
@Component({
  selector: 'em-trouble',
  imports: [Icon],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="trouble" role="alert">
      <em-icon name="alert" />
      <div>
        <strong>{{ trouble().title }}</strong>
        <p>
          {{ trouble().detail }}
          @if (trouble().more; as more) {
            <a [href]="more">More on this</a>
          }
        </p>
        @if (retry()) {
          <button type="button" class="button small" (click)="again.emit()">{{ retry() }}</button>
        }
      </div>
    </div>
  `,
})
export class TroubleNote {
  readonly trouble = input.required<Trouble>();
  /** Label of the button that tries again; none without it. */
  readonly retry = input('');
  readonly again = output<void>();
}
