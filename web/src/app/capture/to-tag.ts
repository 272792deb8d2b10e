import { Injectable, signal } from '@angular/core';

/** Several files that were dropped or chosen to be tagged, until the view of batches takes them. */
@Injectable({ providedIn: 'root' })
export class ToTag {
  readonly files = signal<readonly File[]>([]);
  /** How many of them are still to be tagged, while that goes on. */
  readonly left = signal(0);
}
