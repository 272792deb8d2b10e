import { ChangeDetectionStrategy, Component, inject } from '@angular/core';
import { Router, RouterLink } from '@angular/router';

import { forAdministrators } from '../api/administrators';
import { AccessKey } from '../api/key';

/** For every address that leads nowhere, at least with this key. */
@Component({
  selector: 'em-not-found',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="plain">
      @if (refused) {
        <h1>This view is for administrators</h1>
        <p>{{ key.value() ? 'Your key is for tagging.' : 'It needs a key.' }}</p>
      } @else {
        <p class="kicker">404</p>
        <h1>Nothing plays at this address</h1>
        <p>It is none of Earmark’s views.</p>
      }
      <p class="actions">
        <a class="button primary" routerLink="/">Listen</a>
        @if (refused) {
          <button type="button" class="button" (click)="key.ask()">Enter another key</button>
        } @else {
          <a class="button" routerLink="/history">History</a>
          <a class="button" routerLink="/library">Library</a>
        }
      </p>
    </div>
  `,
})
export class NotFound {
  protected readonly key = inject(AccessKey);
  /** A new address opens a new view. */
  protected readonly refused = forAdministrators(inject(Router).url.slice(1).split(/[?#]/)[0]!);
}
