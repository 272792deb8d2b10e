import type { HttpInterceptorFn } from '@angular/common/http';
import { inject, Injectable, signal } from '@angular/core';

const CATALOGUE = 'earmark.catalogue';
/** What is asked of one catalogue, unless the address names it. */
const ASKED = /^\/api\/v1\/(tags|listens|tracks|alike|map|merges|tracklists)(\?(?!.*\bcatalogue=)|$)/;

/** The catalogue that this tab works with; empty: the one of the service's settings. */
@Injectable({ providedIn: 'root' })
export class CatalogueChoice {
  readonly name = signal(stored());

  set(name: string): void {
    this.name.set(name);
    try {
      sessionStorage.setItem(CATALOGUE, name);
    } catch {
      // Storage may be switched off: the choice then lasts as long as the page.
    }
  }
}

function stored(): string {
  try {
    return sessionStorage.getItem(CATALOGUE) ?? '';
  } catch {
    return '';
  }
}

/** Ask everything of the catalogue that was chosen. */
export const withCatalogue: HttpInterceptorFn = (request, next) => {
  const catalogue = inject(CatalogueChoice).name();
  return next(catalogue && ASKED.test(request.url) ? request.clone({ setParams: { catalogue } }) : request);
};
