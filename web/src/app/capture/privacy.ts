import { effect, Injectable, signal } from '@angular/core';

const KEY = 'earmark.keep-sound';

/** Whether the sound stays on this device: only its signature is sent then. Remembered on this device. */
@Injectable({ providedIn: 'root' })
export class Privacy {
  readonly keepSound = signal(stored());

  constructor() {
    effect(() => {
      const keep = this.keepSound();
      try {
        if (keep) localStorage.setItem(KEY, 'yes');
        else localStorage.removeItem(KEY);
      } catch {
        // Storage may be switched off: the choice then lasts as long as the page.
      }
    });
  }
}

function stored(): boolean {
  try {
    return localStorage.getItem(KEY) === 'yes';
  } catch {
    return false;
  }
}
