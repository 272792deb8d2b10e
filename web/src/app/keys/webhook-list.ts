import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, inject, signal, viewChild } from '@angular/core';

import { API } from '../api/client';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { Webhook, WebhookCreate, WebhookMade, Webhooks } from '../api/types';
import { Announcer } from '../ui/announcer';
import { Confirm } from '../ui/confirm';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { Access } from './access';
import { Secret } from './secret';
import { stateWords } from './words';

/** Addresses that are told of events. */
@Component({
  selector: 'em-webhook-list',
  imports: [Confirm, Icon, Secret, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './webhook-list.html',
})
export class WebhookList {
  private readonly access = inject(Access);
  private readonly announcer = inject(Announcer);
  private readonly confirm = viewChild.required(Confirm);

  private readonly listing = httpResource<Webhooks>(() => `${API}/webhooks`);
  protected readonly webhooks = computed(() => (this.listing.hasValue() ? this.listing.value().webhooks : null));
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly made = signal<WebhookMade | null>(null);
  protected readonly tested = signal('');
  protected readonly busy = signal(false);
  protected readonly doomed = signal<Webhook | null>(null);
  protected readonly doomedText = computed(
    () => `${this.doomed()?.url ?? ''} is told of nothing any more, nor of what waits for it.`,
  );
  protected readonly events: readonly (readonly [NonNullable<WebhookCreate['events']>[number], string])[] = [
    ['tag.created', 'a recording was identified, or is unknown'],
    ['tracklist.finished', 'a long recording was listened to'],
  ];

  protected create(event: Event): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const events = fields.getAll('events') as NonNullable<WebhookCreate['events']>;
    this.busy.set(true);
    this.access.createWebhook({ url: String(fields.get('url')).trim(), events }).subscribe({
      next: (made) => {
        form.reset();
        this.busy.set(false);
        this.trouble.set(null);
        this.made.set(made);
        this.announcer.say('Webhook created.');
        this.listing.reload();
      },
      error: (error: unknown) => this.fail(error),
    });
  }

  protected test(webhook: Webhook): void {
    this.busy.set(true);
    this.tested.set('');
    this.access.testWebhook(webhook.id).subscribe({
      next: (tested) => {
        this.busy.set(false);
        const said = `${tested.delivered ? 'It took the test' : 'It did not take the test'}: ${tested.answer}.`;
        this.tested.set(said);
        this.announcer.say(said);
      },
      error: (error: unknown) => this.fail(error),
    });
  }

  protected ask(webhook: Webhook): void {
    this.doomed.set(webhook);
    this.confirm().ask();
  }

  protected delete(): void {
    const webhook = this.doomed();
    if (!webhook) return;
    this.access.deleteWebhook(webhook.id).subscribe({
      next: () => this.leaveOut('Webhook deleted.'),
      error: (error: unknown) =>
        isGone(error) ? this.leaveOut('This webhook was already deleted.') : this.fail(error),
    });
  }

  private leaveOut(said: string): void {
    this.trouble.set(null);
    this.announcer.say(said);
    this.listing.reload();
  }

  private fail(error: unknown): void {
    this.busy.set(false);
    this.trouble.set(troubleOf(error));
  }

  protected readonly stateWords = stateWords;
}
