import { Injectable, signal } from '@angular/core';

/** Goes up whenever this page made a catalogue: lists of them are then out of date. */
@Injectable({ providedIn: 'root' })
export class CataloguesChanged {
  readonly count = signal(0);
}
