import { HttpContext, HttpContextToken, HttpErrorResponse, type HttpInterceptorFn } from '@angular/common/http';
import { inject, Injectable, signal } from '@angular/core';
import { tap } from 'rxjs';

import { troubleOf, type Trouble } from './problem';
import { WORDS } from './words';

const KEY = 'earmark.key';
const ABOUT_KEYS = ['key_missing', 'key_invalid', 'key_role', 'keys_required'];

const OPTIONAL = new HttpContextToken(() => false);

/** For a request whose answer the view can do without: its refusal asks nobody for a key. */
export function optional(): HttpContext {
  return new HttpContext().set(OPTIONAL, true);
}

/** The key that this browser sends, where the service asks for one. */
@Injectable({ providedIn: 'root' })
export class AccessKey {
  readonly value = signal(stored());
  /** The refusal that asks for a key, until one is entered. */
  readonly refusal = signal<Trouble | null>(null);

  /** Ask for a key before anything was refused. */
  ask(): void {
    this.refusal.set({ name: 'key_missing', title: WORDS.key_missing.title, detail: WORDS.key_missing.detail ?? '' });
  }

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
        if (!(error instanceof HttpErrorResponse) || request.context.get(OPTIONAL)) return;
        const trouble = troubleOf(error);
        if (ABOUT_KEYS.includes(trouble.name)) key.refusal.set(trouble);
      },
    }),
  );
};
