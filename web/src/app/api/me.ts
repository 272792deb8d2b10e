import { httpResource } from '@angular/common/http';
import { computed, effect, Injectable, linkedSignal, signal, untracked } from '@angular/core';

import { API } from './client';
import { troubleOf } from './problem';
import type { Feature, Me as Answer } from './types';

/** How long a service that does not answer is left in peace. */
const AGAIN_MS = 5000;

/** What this browser may do here; asked once, so that nothing is offered that would be refused. */
@Injectable({ providedIn: 'root' })
export class Me {
  private readonly answer = httpResource<Answer>(() => `${API}/me`);
  /** The latest answer: a connection that is lost takes nothing away. */
  private readonly known = linkedSignal<Answer | undefined, Answer | undefined>({
    source: () => (this.answer.hasValue() ? this.answer.value() : undefined),
    computation: (now, before) => now ?? before?.value,
  });
  private readonly features = computed(() => this.known()?.features);

  /** How much may be sent and kept; unknown until the service has answered. */
  readonly limits = computed(() => this.known()?.limits);

  /** Whether the service was asked, and has answered or not. */
  readonly asked = computed(() => !this.answer.isLoading());

  /** Whether not even a recording is taken without a key. */
  readonly outside = computed(() => this.known()?.role === 'none');

  /** Whether the service did not answer when it was asked last; it is asked until it does. */
  readonly unreachable = signal(false);

  constructor() {
    effect(() => {
      const status = this.answer.status();
      if (status === 'resolved') this.unreachable.set(false);
      if (status !== 'error' || troubleOf(untracked(this.answer.error)).name !== 'offline') return;
      this.unreachable.set(true);
      setTimeout(() => this.askAgain(), AGAIN_MS);
    });
  }

  /** Look whether the service answers. */
  askAgain(): void {
    this.answer.reload();
  }

  /** Whether the feature is certainly there. */
  may(feature: Feature): boolean {
    return this.features()?.includes(feature) ?? false;
  }

  /** Whether the feature is certainly not there; neither, until the service has answered. */
  lacks(feature: Feature): boolean {
    return !(this.features()?.includes(feature) ?? true);
  }
}
