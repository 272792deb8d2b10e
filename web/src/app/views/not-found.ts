import { ChangeDetectionStrategy, Component } from '@angular/core';
import { RouterLink } from '@angular/router';

@Component({
  selector: 'em-not-found',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="plain">
      <p class="kicker">404</p>
      <h1>Nothing plays at this address</h1>
      <p>It is none of Earmark’s views.</p>
      <p class="actions">
        <a class="button primary" routerLink="/">Listen</a>
        <a class="button" routerLink="/history">History</a>
        <a class="button" routerLink="/library">Library</a>
      </p>
    </div>
  `,
})
export class NotFound {}
