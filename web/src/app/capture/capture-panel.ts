import { ChangeDetectionStrategy, Component, computed, DestroyRef, effect, inject, input } from '@angular/core';
import { Router } from '@angular/router';

import { TroubleNote } from '../ui/trouble-note';
import { bytes } from '../ui/format';
import { Icon } from '../ui/icon';
import { Before, BEFORE_S } from './before';
import { Capture, LENGTHS_S } from './capture';
import { BARS, DIAL, spoke } from './dial';
import { Privacy } from './privacy';
import { ToTag } from './to-tag';

/** The dial with its button, the way to choose a file, and what is happening. */
@Component({
  selector: 'em-capture',
  imports: [Icon, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './capture-panel.html',
  host: { '[class.compact]': 'compact()' },
})
export class CapturePanel {
  protected readonly capture = inject(Capture);
  protected readonly before = inject(Before);
  protected readonly privacy = inject(Privacy);
  private readonly router = inject(Router);
  private readonly toTag = inject(ToTag);
  /** A small dial beside a line of text, for under a verdict. */
  readonly compact = input(false);

  protected readonly lengths = LENGTHS_S;
  protected readonly before_s = BEFORE_S;
  protected readonly size = DIAL;

  protected readonly spokes = computed(() => {
    const bars = this.capture.bars();
    const active = this.capture.busy();
    return Array.from({ length: BARS }, (_, index) => ({
      ...spoke(index, bars[index] ?? (active ? 0 : restingHeight(index))),
      heard: index < bars.length,
    }));
  });

  protected readonly label = computed(() => {
    switch (this.capture.phase()) {
      case 'asking':
        return 'Asking for the microphone';
      case 'recording':
        return 'Stop and tag now';
      case 'sending':
        return 'Sending';
      case 'tagging':
        return 'Comparing';
      default:
        return `Listen for ${this.capture.seconds()} seconds`;
    }
  });

  protected readonly status = computed(() => {
    const capture = this.capture;
    switch (capture.phase()) {
      case 'asking':
        return 'Allow the microphone to go on.';
      case 'recording':
        if (capture.hint() === 'quiet') return 'Very quiet: hold the phone towards the loudspeaker.';
        if (capture.hint() === 'loud') return 'Too loud: move away from the loudspeaker a little.';
        if (capture.perhaps()) return `Perhaps “${capture.perhaps()}”. Listening on, to be sure.`;
        return 'Listening. It stops by itself once the track is certain.';
      case 'sending':
        if (capture.waiting_s()) return 'The service is busy: trying again in a moment.';
        if (this.privacy.keepSound()) return 'Sending the signature. The sound stays here.';
        return capture.recorded() ? 'Sending the recording.' : `Sending ${capture.name()}.`;
      case 'tagging':
        return 'Comparing with every track of the library.';
      default:
        return '';
    }
  });

  /** Where each of the three steps stands. */
  protected readonly steps = computed(() => {
    const at = ['asking', 'recording'].includes(this.capture.phase()) ? 0 : this.capture.phase() === 'sending' ? 1 : 2;
    const names = [this.capture.recorded() ? 'Record' : 'Read', 'Send', 'Compare'];
    return names.map((name, index) => ({ name, state: index < at ? 'done' : index === at ? 'now' : 'ahead' }));
  });

  protected readonly sentPercent = computed(() => Math.round(this.capture.sent() * 100));
  protected readonly bytes = bytes;

  constructor() {
    this.capture.panels.update((count) => count + 1);
    effect(() => this.before.show(!this.compact()));
    inject(DestroyRef).onDestroy(() => {
      this.before.show(false);
      this.capture.panels.update((count) => count - 1);
      // Leaving the page in the middle ends it: a microphone must not stay open behind another view.
      if (this.capture.busy()) this.capture.cancel();
    });
  }

  protected press(): void {
    if (this.capture.phase() === 'recording') this.capture.finish();
    else void this.capture.start();
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    const files = [...(input.files ?? [])];
    if (files.length > 1) {
      this.toTag.files.set(files);
      void this.router.navigate(['/batch']);
    } else if (files[0]) this.capture.tagFile(files[0]);
    // The same file may be chosen again.
    input.value = '';
  }
}

/** A still, gentle pattern for the dial at rest. */
function restingHeight(index: number): number {
  const wave = Math.sin(index * 0.61) * Math.sin(index * 0.23 + 1);
  return 0.12 + 0.3 * wave * wave;
}
