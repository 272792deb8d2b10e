import { effect, Injectable, signal } from '@angular/core';

export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const KEY = 'earmark.theme';

/** Light, dark or as the system says; remembered on this device. `public/theme.js` applies it before the first paint. */
@Injectable({ providedIn: 'root' })
export class ThemeChoice {
  readonly theme = signal<Theme>(stored());

  constructor() {
    addEventListener('storage', (event) => this.follow(event));
    effect(() => {
      const theme = this.theme();
      const root = document.documentElement;
      if (theme === 'system') delete root.dataset['theme'];
      else root.dataset['theme'] = theme;
      try {
        localStorage.setItem(KEY, theme);
      } catch {
        // Storage may be switched off: the choice then lasts as long as the page.
      }
    });
  }

  /** Chosen in another tab: followed here. */
  private follow({ key }: StorageEvent): void {
    if (key === KEY) this.theme.set(stored());
  }

  next(): void {
    this.theme.update((theme) => THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!);
  }
}

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === value) ?? 'system';
  } catch {
    return 'system';
  }
}
