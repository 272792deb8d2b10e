import { ChangeDetectionStrategy, Component, DestroyRef, effect, inject, untracked } from '@angular/core';
import { Router, RouterLink } from '@angular/router';

import { Privacy } from '../capture/privacy';
import { clock } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { LiveListening } from './live-listening';
import { segmentName, span, sureWords } from './segments';

/** Listens on, and shows what is heard until it is stopped: then the tracklist is opened. */
@Component({
  selector: 'em-live-view',
  imports: [Icon, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './live-view.html',
  providers: [LiveListening],
  host: { '(window:beforeunload)': 'leave($event)' },
})
export class LiveView {
  private readonly router = inject(Router);
  protected readonly live = inject(LiveListening);
  protected readonly privacy = inject(Privacy);

  constructor() {
    let gone = false;
    inject(DestroyRef).onDestroy(() => {
      // A microphone must not stay open behind another view. What it has heard is still sent.
      gone = true;
      this.live.stop();
    });
    effect(() => {
      const id = this.live.tracklist();
      if (this.live.phase() !== 'ended' || this.live.trouble() || !id || gone) return;
      untracked(() => void this.router.navigate(['/tracklists', id]));
    });
    // Whoever pressed the button for it need not press another; after a reload nothing starts by itself.
    const pressed = this.router.currentNavigation()?.extras.info === 'start';
    if (pressed && !this.privacy.keepSound()) void this.live.start();
  }

  protected leave(event: BeforeUnloadEvent): void {
    if (['listening', 'ending'].includes(this.live.phase())) event.preventDefault();
  }

  protected readonly clock = clock;
  protected readonly segmentName = segmentName;
  protected readonly span = span;
  protected readonly sureWords = sureWords;
}
