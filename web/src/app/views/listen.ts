import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, inject } from '@angular/core';
import { RouterLink } from '@angular/router';

import { API } from '../api/client';
import { AccessKey, optional } from '../api/key';
import { Me } from '../api/me';
import type { Tags } from '../api/types';
import { Capture } from '../capture/capture';
import { CapturePanel } from '../capture/capture-panel';
import { WaitingList } from '../capture/waiting-list';
import { Icon } from '../ui/icon';
import { TagRow } from './tag-row';

/** The start: one big button. */
@Component({
  selector: 'em-listen',
  imports: [CapturePanel, Icon, RouterLink, TagRow, WaitingList],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="listen">
      <div class="listen-hero">
        <h1>What’s playing?</h1>
        <p class="lead">A few seconds are enough, even in a noisy bar.</p>
        @if (me.outside()) {
          <p class="locked">
            This service asks for a key before it listens.
            <button type="button" class="button small" (click)="key.ask()">Enter a key</button>
          </p>
        }
        @if (me.unreachable()) {
          <p class="locked" role="status">
            There is no connection to the service. Record all the same: what you keep on this device is identified once
            the connection is back.
          </p>
        }
        <em-capture />
        @if (!capture.busy() && !me.outside()) {
          <p class="listen-on">
            <a class="button small" routerLink="/live" info="start">
              <em-icon name="tracklist" />
              Keep listening
            </a>
            <span>names one track after another</span>
          </p>
        }
      </div>
      @if (!capture.busy()) {
        <em-waiting />
      }
      @if (recent().length && !capture.busy()) {
        <section class="recent" aria-labelledby="recent-heading">
          <div class="section-head">
            <h2 id="recent-heading">Recent</h2>
            <a routerLink="/history">Full history</a>
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
  protected readonly me = inject(Me);
  protected readonly key = inject(AccessKey);
  private readonly tags = httpResource<Tags>(() =>
    this.me.may('history') ? { url: `${API}/tags`, params: { limit: 3 }, context: optional() } : undefined,
  );
  protected readonly recent = computed(() => (this.tags.hasValue() ? this.tags.value().tags : []));
}
