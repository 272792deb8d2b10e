import { ChangeDetectionStrategy, Component, computed, inject } from '@angular/core';
import { Router, RouterLink } from '@angular/router';

import { forAdministrators } from '../api/administrators';
import { Me } from '../api/me';

const PARTS = [
  { path: '/library', name: 'Tracks' },
  { path: '/library/duplicates', name: 'Duplicates' },
  { path: '/library/map', name: 'Map' },
  { path: '/catalogues', name: 'Catalogues' },
];

/** The parts of the library: its tracks, which of them are the same, where they lie, and its catalogues. */
@Component({
  selector: 'em-library-parts',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <nav class="parts" aria-label="Parts of the library">
      @for (part of parts(); track part.path) {
        @let current = path === part.path;
        <a [routerLink]="part.path" [class.active]="current" [attr.aria-current]="current ? 'page' : null">{{
          part.name
        }}</a>
      }
    </nav>
  `,
})
export class LibraryParts {
  /** Each part is a view, which has these links of its own. */
  protected readonly path = inject(Router).url.split(/[?#]/)[0];
  private readonly me = inject(Me);
  protected readonly parts = computed(() =>
    PARTS.filter(({ path }) => !this.me.lacks('edit') || !forAdministrators(path.slice(1))),
  );
}
