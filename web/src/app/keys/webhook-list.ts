import { ChangeDetectionStrategy, Component, inject, signal } from '@angular/core';

import { troubleOf, type Trouble } from '../api/problem';
import type { Webhook, WebhookCreate, WebhookMade } from '../api/types';
import { DataList } from '../lists/data-list';
import { ListState } from '../lists/list-state';
import { Row } from '../lists/row';
import { Announcer } from '../ui/announcer';
import { TroubleNote } from '../ui/trouble-note';
import { Access } from './access';
import { Secret } from './secret';
import { stateWords } from './words';

/** Addresses that are told of events. */
@Component({
  selector: 'em-webhook-list',
  imports: [DataList, Row, Secret, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './webhook-list.html',
})
export class WebhookList {
  private readonly access = inject(Access);
  private readonly announcer = inject(Announcer);

  protected readonly list = new ListState<Webhook>({
    of: 'webhooks',
    limit: 100,
    address: ['search', 'sort'],
    prefix: 'webhooks-',
  });
  protected readonly orders = [
    ['created', 'oldest first'],
    ['-created', 'Newest first'],
    ['url', 'Address'],
    ['-failures', 'Failures first'],
  ] as const;
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly made = signal<WebhookMade | null>(null);
  protected readonly tested = signal('');
  protected readonly busy = signal(false);
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
        this.list.reload();
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

  private fail(error: unknown): void {
    this.busy.set(false);
    this.trouble.set(troubleOf(error));
  }

  protected readonly called = (webhook: Webhook) => `the webhook ${webhook.url}`;
  protected readonly deleted = (webhooks: readonly Webhook[]) =>
    webhooks.length === 1
      ? `${webhooks[0]!.url} is told of nothing any more, nor of what waits for it.`
      : `${webhooks.length} webhooks are told of nothing any more, nor of what waits for them.`;
  protected readonly stateWords = stateWords;
}
