import { HttpClient } from '@angular/common/http';
import {
  ApplicationRef,
  ChangeDetectionStrategy,
  Component,
  computed,
  createComponent,
  inject,
  Injectable,
  signal,
} from '@angular/core';
import { NavigationStart, Router } from '@angular/router';
import { catchError, filter, forkJoin, map, type Observable, of } from 'rxjs';

import { AccessKey } from '../api/key';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import { Announcer } from './announcer';
import { Icon } from './icon';
import { TroubleNote } from './trouble-note';

const OFFERED_MS = 10_000;

interface Offer {
  /** What was done, as a sentence. */
  readonly text: string;
  /** Addresses of what is to be deleted once nobody can take it back any more. */
  readonly doomed: readonly string[];
  /** Takes back what was done already. */
  readonly back?: () => Observable<unknown>;
  /** Shows how things are after it was taken back, or after it is final. */
  readonly shown?: (undone: boolean) => void;
}

/**
 * What was just done, and can be taken back for some seconds. What the service can restore is done at once, and undone
 * by its opposite. What it cannot is deleted late: it only vanishes from the page until the time is over, or until
 * whoever deleted it goes to another view or leaves.
 */
@Injectable({ providedIn: 'root' })
export class Undo {
  private readonly http = inject(HttpClient);
  private readonly key = inject(AccessKey);
  private readonly announcer = inject(Announcer);
  private readonly application = inject(ApplicationRef);

  private readonly offers = signal<readonly Offer[]>([]);
  /** The last of them, which is taken back first. */
  readonly offer = computed(() => this.offers()[this.offers().length - 1]);
  readonly trouble = signal<Trouble | null>(null);
  private readonly addresses = signal<ReadonlySet<string>>(new Set());
  private timer: ReturnType<typeof setTimeout> | undefined;
  private bar = false;

  constructor() {
    const router = inject(Router);
    const path = (url: string) => url.split(/[?#]/)[0];
    router.events
      .pipe(filter((event) => event instanceof NavigationStart && path(event.url) !== path(router.url)))
      .subscribe(() => this.settle());
    addEventListener('pagehide', () => this.leave());
    addEventListener('keydown', (event) => {
      if (event.key !== 'z' || !(event.ctrlKey || event.metaKey) || event.shiftKey || !this.offer()) return;
      if ((event.target as HTMLElement).closest?.('input:not([type=checkbox]), textarea, dialog')) return;
      event.preventDefault();
      this.undo();
    });
  }

  /** Whether what has this address is deleted, or about to be. */
  isGone(address: string): boolean {
    return this.addresses().has(address);
  }

  /** Offer to take back what was done. */
  done(text: string, back: () => Observable<unknown>, shown?: (undone: boolean) => void): void {
    this.push({ text, doomed: [], back, ...(shown && { shown }) });
  }

  /** Delete what has these addresses, late. */
  remove(text: string, doomed: readonly string[], shown?: (undone: boolean) => void): void {
    this.forget(doomed);
    this.push({ text, doomed, ...(shown && { shown }) });
  }

  /** What has these addresses was deleted, here or elsewhere. */
  forget(addresses: readonly string[]): void {
    this.addresses.update((gone) => new Set([...gone, ...addresses]));
  }

  /** Take the last one back. */
  undo(): void {
    const last = this.offer();
    if (!last) return;
    this.offers.update((offers) => offers.slice(0, -1));
    this.hold(false);
    this.restore(last.doomed);
    (last.back?.() ?? of(null)).subscribe({
      next: () => {
        this.announcer.say(`Undone: ${last.text}`);
        last.shown?.(true);
      },
      error: (error: unknown) => this.trouble.set(troubleOf(error)),
    });
  }

  /** It stays as it is: what was to be deleted is. */
  settle(): void {
    const settled = this.offers();
    clearTimeout(this.timer);
    this.offers.set([]);
    for (const { doomed, shown } of settled) {
      const asked = doomed.map((address) =>
        this.http.delete(address).pipe(
          map(() => null),
          catchError((error: unknown) => of(isGone(error) ? null : { address, error })),
        ),
      );
      if (!asked.length) continue;
      forkJoin(asked).subscribe((outcomes) => {
        const kept = outcomes.filter((outcome) => outcome !== null);
        this.restore(kept.map(({ address }) => address));
        if (kept[0]) this.trouble.set(troubleOf(kept[0].error));
        if (kept.length < asked.length) shown?.(false);
      });
    }
  }

  /** Time stands still for whoever is about to press the button. */
  hold(held: boolean): void {
    clearTimeout(this.timer);
    if (!held && this.offer()) this.timer = setTimeout(() => this.settle(), OFFERED_MS);
  }

  /** The page ends, and its requests with it, but for those that say they outlive it. */
  private leave(): void {
    const key = this.key.value();
    const headers: Record<string, string> = key ? { Authorization: `Bearer ${key}` } : {};
    for (const address of this.offers().flatMap((offer) => offer.doomed))
      void fetch(address, { method: 'DELETE', keepalive: true, headers });
    this.offers.set([]);
  }

  private push(offer: Offer): void {
    this.trouble.set(null);
    this.offers.update((offers) => [...offers, offer]);
    this.hold(false);
    this.announcer.say(`${offer.text} Control Z undoes it.`);
    if (this.bar) return;
    this.bar = true;
    const bar = createComponent(UndoBar, { environmentInjector: this.application.injector });
    this.application.attachView(bar.hostView);
    document.querySelector('em-root')?.append(bar.location.nativeElement as HTMLElement);
  }

  private restore(addresses: readonly string[]): void {
    this.addresses.update((gone) => new Set([...gone].filter((address) => !addresses.includes(address))));
  }
}

/** Says what was done and offers to take it back, at the foot of whatever view there is. */
@Component({
  selector: 'em-undo-bar',
  imports: [Icon, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (undo.trouble() || undo.offer()) {
      <aside
        #bar
        class="undo-bar"
        aria-label="Undo"
        (pointerenter)="undo.hold(true)"
        (pointerleave)="undo.hold(bar.matches(':focus-within'))"
        (focusin)="undo.hold(true)"
        (focusout)="undo.hold(bar.matches(':hover'))"
      >
        @if (undo.trouble(); as trouble) {
          <em-trouble [trouble]="trouble" />
        }
        @if (undo.offer(); as offer) {
          <p>{{ offer.text }}</p>
          <button type="button" class="button small" aria-keyshortcuts="Control+Z" title="Ctrl+Z" (click)="act(true)">
            Undo
          </button>
        }
        <button type="button" class="icon-button" aria-label="Close" title="Close" (click)="act(false)">
          <em-icon name="close" />
        </button>
      </aside>
    }
  `,
})
class UndoBar {
  protected readonly undo = inject(Undo);

  protected act(back: boolean): void {
    // The button goes with the bar: a view that knows better moves the focus on.
    document.getElementById('main')?.focus({ preventScroll: true });
    this.undo.trouble.set(null);
    if (back) this.undo.undo();
    else this.undo.settle();
  }
}
