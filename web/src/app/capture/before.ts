import { Injectable, signal } from '@angular/core';

import type { Trouble } from '../api/problem';
import { microphoneTrouble } from './microphone';
import type { Tape } from './tape';

/** Seconds before the button that are recorded, too. */
export const BEFORE_S = 5;

/**
 * What sounded just before the button was pressed, for those who ask for it: the microphone is open then, and its last
 * seconds are kept in this browser, but only while the start is shown. It is asked for anew each time the page is opened.
 */
@Injectable({ providedIn: 'root' })
export class Before {
  readonly wanted = signal(false);
  /** Whether the microphone is open now. */
  readonly holding = signal(false);
  readonly trouble = signal<Trouble | null>(null);

  private tape: Tape | null = null;
  private shown = false;
  /** Whether a recording has it. */
  private lent = false;
  /** Counts openings, so that one that was given up is closed when it comes. */
  private turn = 0;

  constructor() {
    // A page in the background hears nothing.
    document.addEventListener('visibilitychange', () => this.follow());
  }

  show(shown: boolean): void {
    this.shown = shown;
    this.lent = false;
    this.follow();
  }

  want(wanted: boolean): void {
    this.wanted.set(wanted);
    this.trouble.set(null);
    this.follow();
  }

  /** The open microphone with what it has kept; whoever takes it closes it. */
  take(): Tape | null {
    const tape = this.tape;
    this.tape = null;
    this.lent = tape !== null;
    this.holding.set(false);
    return tape;
  }

  /** The recording is over, and the start is still shown. */
  back(): void {
    this.lent = false;
    this.follow();
  }

  /** Open or close it, as is wanted now. */
  private follow(): void {
    if (this.lent) return;
    if (this.wanted() && this.shown && !document.hidden) {
      if (!this.tape) void this.open();
    } else {
      this.turn++;
      this.take()?.close();
      this.lent = false;
    }
  }

  private async open(): Promise<void> {
    const turn = ++this.turn;
    try {
      const { Tape } = await import('./tape');
      const tape = await Tape.open(BEFORE_S);
      if (turn !== this.turn) return tape.close();
      this.tape = tape;
      this.holding.set(true);
    } catch (error) {
      if (turn !== this.turn) return;
      this.wanted.set(false);
      this.trouble.set(microphoneTrouble(error));
    }
  }
}
