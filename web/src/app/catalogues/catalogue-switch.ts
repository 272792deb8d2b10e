import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, effect, inject } from '@angular/core';
import { Router } from '@angular/router';

import { CatalogueChoice } from '../api/catalogue';
import { API } from '../api/client';
import { optional } from '../api/key';
import type { Catalogues } from '../api/types';
import { Announcer } from '../ui/announcer';
import { CataloguesChanged } from './changed';

/** Which catalogue the page works with; nothing where there is only one. */
@Component({
  selector: 'em-catalogue-switch',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (names().length > 1) {
      <label class="catalogue-switch">
        <span class="visually-hidden">Catalogue</span>
        <select (change)="choose($event)">
          <option value="" [selected]="!choice.name()">Usual catalogue</option>
          @for (name of names(); track name) {
            <option [value]="name" [selected]="name === choice.name()">{{ name }}</option>
          }
        </select>
      </label>
    }
  `,
})
export class CatalogueSwitch {
  protected readonly choice = inject(CatalogueChoice);
  private readonly router = inject(Router);
  private readonly announcer = inject(Announcer);
  private readonly changed = inject(CataloguesChanged);
  private readonly resource = httpResource<Catalogues>(() => {
    this.changed.count();
    return { url: `${API}/catalogues`, context: optional() };
  });
  protected readonly names = computed(() =>
    this.resource.hasValue() ? this.resource.value().catalogues.map((catalogue) => catalogue.name) : [],
  );

  constructor() {
    // A catalogue that is gone must not keep the page from everything else.
    effect(() => {
      const names = this.names();
      if (names.length && this.choice.name() && !names.includes(this.choice.name())) this.use('');
    });
  }

  protected choose(event: Event): void {
    this.use((event.target as HTMLSelectElement).value);
  }

  private use(name: string): void {
    this.choice.set(name);
    this.announcer.say(name ? `Catalogue ${name}.` : 'The usual catalogue.');
    // The view is opened anew, and asks the other catalogue.
    const url = this.router.url;
    void this.router.navigateByUrl('/nowhere', { skipLocationChange: true }).then(() => this.router.navigateByUrl(url));
  }
}
