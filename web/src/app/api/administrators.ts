import { inject } from '@angular/core';
import { toObservable } from '@angular/core/rxjs-interop';
import type { CanMatchFn, Routes } from '@angular/router';
import { filter, map, take } from 'rxjs';

import { Me } from './me';

/** Views of which everything is refused to anybody else. */
const PATHS = ['experiments', 'system', 'keys', 'labels/train', 'library/duplicates'];

/** Whether an address, without the slash before it, is for administrators alone. */
export function forAdministrators(path: string): boolean {
  return PATHS.some((one) => path === one || path.startsWith(`${one}/`));
}

/** Who certainly is no administrator has no such view, and is told so by the view of all other addresses. */
const guard: CanMatchFn = () => {
  const me = inject(Me);
  if (me.asked()) return !me.lacks('edit');
  return toObservable(me.asked).pipe(
    filter(Boolean),
    map(() => !me.lacks('edit')),
    take(1),
  );
};

export function guarded(routes: Routes): Routes {
  return routes.map((route) => (forAdministrators(route.path ?? '') ? { ...route, canMatch: [guard] } : route));
}
