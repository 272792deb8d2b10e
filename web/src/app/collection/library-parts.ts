import { ChangeDetectionStrategy, Component, inject } from '@angular/core';
import { Router, RouterLink } from '@angular/router';

/** The parts of the library: its tracks, which of them are the same, where they lie, and its catalogues. */
@Component({
  selector: 'em-library-parts',
  imports: [RouterLink],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <nav class="parts" aria-label="Parts of the library">
      @for (part of parts; track part.path) {
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
  protected readonly parts = [
    { path: '/library', name: 'Tracks' },
    { path: '/library/duplicates', name: 'Duplicates' },
    { path: '/library/map', name: 'Map' },
    { path: '/catalogues', name: 'Catalogues' },
  ];
}
