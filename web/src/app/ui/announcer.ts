import { Injectable, signal } from '@angular/core';

/** What screen readers are told; the root component holds the live region. */
@Injectable({ providedIn: 'root' })
export class Announcer {
  readonly message = signal('');

  say(text: string): void {
    // A repeated sentence must change the region to be spoken again.
    this.message.set(this.message() === text ? `${text}\u00a0` : text);
  }
}
