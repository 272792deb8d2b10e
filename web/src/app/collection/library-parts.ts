import { ChangeDetectionStrategy, Component } from '@angular/core';
import { type IsActiveMatchOptions, RouterLink, RouterLinkActive } from '@angular/router';

/** The parts of the library: its tracks, which of them are the same, where they lie, and its catalogues. */
@Component({
  selector: 'em-library-parts',
  imports: [RouterLink, RouterLinkActive],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <nav class="parts" aria-label="Parts of the library">
      @for (part of parts; track part.path) {
        <a
          [routerLink]="part.path"
          routerLinkActive="active"
          [routerLinkActiveOptions]="active"
          ariaCurrentWhenActive="page"
          >{{ part.name }}</a
        >
      }
    </nav>
  `,
})
export class LibraryParts {
  protected readonly active: IsActiveMatchOptions = {
    paths: 'exact',
    queryParams: 'ignored',
    matrixParams: 'ignored',
    fragment: 'ignored',
  };
  protected readonly parts = [
    { path: '/library', name: 'Tracks' },
    { path: '/library/duplicates', name: 'Duplicates' },
    { path: '/library/map', name: 'Map' },
    { path: '/catalogues', name: 'Catalogues' },
  ];
}
