import { Directive, input } from '@angular/core';

import type { ListState } from './list-state';

export interface RowContext<T> {
  readonly $implicit: T;
}

/** Of what type the entry in `<ng-template [emRow]="list" let-entry>` is: the list's. */
@Directive({ selector: 'ng-template[emRow]' })
export class Row<T extends { readonly id: string }> {
  readonly emRow = input.required<ListState<T>>();

  static ngTemplateContextGuard<T extends { readonly id: string }>(
    _: Row<T>,
    context: unknown,
  ): context is RowContext<T> {
    return true;
  }
}
