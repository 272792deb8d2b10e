import { Injectable, signal } from '@angular/core';

/** A file that was dropped on the view of labels, until the view takes it. */
@Injectable({ providedIn: 'root' })
export class ToLabel {
  readonly file = signal<File | null>(null);
}
