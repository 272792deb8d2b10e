import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, inject } from '@angular/core';
import { RouterLink } from '@angular/router';

import { API } from '../api/client';
import type { Tags } from '../api/types';
import { Capture } from '../capture/capture';
import { CapturePanel } from '../capture/capture-panel';
import { TagRow } from './tag-row';

/** The start: one big button. */
@Component({
  selector: 'em-listen',
  imports: [CapturePanel, RouterLink, TagRow],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="listen">
      <div class="listen-hero">
        <h1>What’s playing?</h1>
        <p class="lead">{{ capture.seconds() }} seconds are enough, even in a noisy bar.</p>
        <em-capture />
      </div>
      @if (recent().length && !capture.busy()) {
        <section class="recent" aria-labelledby="recent-heading">
          <div class="section-head">
            <h2 id="recent-heading">Lately</h2>
            <a routerLink="/history">All of the history</a>
          </div>
          <ul class="rows">
            @for (tag of recent(); track tag.id) {
              <li><em-tag-row [tag]="tag" /></li>
            }
          </ul>
        </section>
      }
    </div>
  `,
})
export class Listen {
  protected readonly capture = inject(Capture);
  private readonly tags = httpResource<Tags>(() => ({ url: `${API}/tags`, params: { limit: 3 } }));
  protected readonly recent = computed(() => (this.tags.hasValue() ? this.tags.value().tags : []));
}
