import { httpResource } from '@angular/common/http';
import { computed, Injectable } from '@angular/core';

import { API } from './client';
import type { Feature, Me as Answer } from './types';

/** What this browser may do here; asked once, so that nothing is offered that would be refused. */
@Injectable({ providedIn: 'root' })
export class Me {
  private readonly answer = httpResource<Answer>(() => `${API}/me`);
  private readonly features = computed(() => (this.answer.hasValue() ? this.answer.value().features : null));

  /** Whether not even a recording is taken without a key. */
  readonly outside = computed(() => this.answer.hasValue() && this.answer.value().role === 'none');

  /** Whether the feature is certainly there. */
  may(feature: Feature): boolean {
    return this.features()?.includes(feature) ?? false;
  }

  /** Whether the feature is certainly not there; neither, until the service has answered. */
  lacks(feature: Feature): boolean {
    return !(this.features()?.includes(feature) ?? true);
  }
}
