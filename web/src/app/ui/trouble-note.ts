import { ChangeDetectionStrategy, Component, computed, effect, inject, input, output, untracked } from '@angular/core';

import { Me } from '../api/me';
import type { Trouble } from '../api/problem';
import { Icon } from './icon';

/**
 * A failure, in the service's own words, with a way out where there is one. What could not be read is read by itself
 * when a service that did not answer is back.
 */
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

  constructor() {
    const me = inject(Me);
    const waits = computed(() => this.trouble().name === 'offline' && this.retry() === 'Try again');
    let gone = false;
    effect(() => {
      if (waits()) untracked(() => me.askAgain());
    });
    effect(() => {
      if (gone && !me.unreachable() && waits()) this.again.emit();
      gone = me.unreachable();
    });
  }
}
