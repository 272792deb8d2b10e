import { Injectable, signal } from '@angular/core';

/** Several files that were dropped or chosen to be tagged, until the view of batches takes them. */
@Injectable({ providedIn: 'root' })
export class ToTag {
  readonly files = signal<readonly File[]>([]);
  /** Whether some are still on their way. */
  readonly busy = signal(false);
}
