import { Injectable, signal, untracked } from '@angular/core';

/** What screen readers are told; the root component holds the live region. */
@Injectable({ providedIn: 'root' })
export class Announcer {
  readonly message = signal('');

  say(text: string): void {
    // A repeated sentence must change the region to be spoken again; who speaks does not listen, or would speak for ever.
    this.message.set(untracked(this.message) === text ? `${text}\u00a0` : text);
  }
}
