import { HttpErrorResponse, type HttpInterceptorFn } from '@angular/common/http';
import { inject, Injectable, signal } from '@angular/core';
import { tap } from 'rxjs';

import { troubleOf, type Trouble } from './problem';

const KEY = 'earmark.key';
const ABOUT_KEYS = ['key_missing', 'key_invalid', 'key_role', 'keys_required'];

/** The key that this browser sends, where the service asks for one. */
@Injectable({ providedIn: 'root' })
export class AccessKey {
  readonly value = signal(stored());
  /** The refusal that asks for a key, until one is entered. */
  readonly refusal = signal<Trouble | null>(null);

  set(key: string): void {
    this.value.set(key);
    this.refusal.set(null);
    try {
      if (key) localStorage.setItem(KEY, key);
      else localStorage.removeItem(KEY);
    } catch {
      // Storage may be switched off: the key then lasts as long as the page.
    }
  }
}

function stored(): string {
  try {
    return localStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

/** Send the key with every request to the service, and notice when one is wanted. */
export const withKey: HttpInterceptorFn = (request, next) => {
  const key = inject(AccessKey);
  const value = key.value();
  const sent = value ? request.clone({ setHeaders: { Authorization: `Bearer ${value}` } }) : request;
  return next(sent).pipe(
    tap({
      error: (error: unknown) => {
        if (!(error instanceof HttpErrorResponse)) return;
        const trouble = troubleOf(error);
        if (ABOUT_KEYS.includes(trouble.name)) key.refusal.set(trouble);
      },
    }),
  );
};
