import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, inject, signal, viewChild } from '@angular/core';

import { API } from '../api/client';
import { AccessKey } from '../api/key';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { Key, KeyCreate, KeyMade, Keys } from '../api/types';
import { Announcer } from '../ui/announcer';
import { Confirm } from '../ui/confirm';
import { moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { Access } from './access';
import { Secret } from './secret';
import { WebhookList } from './webhook-list';
import { limitWords } from './words';

/** Who may use the service; for administrators. */
@Component({
  selector: 'em-keys-view',
  imports: [Confirm, Icon, Secret, TroubleNote, WebhookList],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './keys-view.html',
})
export class KeysView {
  private readonly access = inject(Access);
  private readonly announcer = inject(Announcer);
  protected readonly own = inject(AccessKey);
  private readonly confirm = viewChild.required(Confirm);

  private readonly listing = httpResource<Keys>(() => `${API}/keys`);
  protected readonly keys = computed(() => (this.listing.hasValue() ? this.listing.value().keys : null));
  protected readonly failure = computed(() => (this.listing.error() ? troubleOf(this.listing.error()) : null));
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly made = signal<KeyMade | null>(null);
  protected readonly busy = signal(false);
  protected readonly doomed = signal<Key | null>(null);
  protected readonly doomedText = computed(
    () => `Whoever uses “${this.doomed()?.name ?? ''}” is refused at once. Its tags stay, for administrators to see.`,
  );

  protected create(event: Event): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const number = (name: string) => Number(fields.get(name)) || null;
    this.busy.set(true);
    this.access
      .createKey({
        name: String(fields.get('name')).trim(),
        role: fields.get('role') as KeyCreate['role'],
        requests_per_minute: number('requests_per_minute'),
        max_tags: number('max_tags'),
      })
      .subscribe({
        next: (made) => {
          form.reset();
          this.busy.set(false);
          this.trouble.set(null);
          this.made.set(made);
          this.announcer.say(`Key for ${made.name} created.`);
          // The first key ends the time in which this machine needed none.
          if (this.keys()?.length) this.listing.reload();
        },
        error: (error: unknown) => {
          this.busy.set(false);
          this.trouble.set(troubleOf(error));
        },
      });
  }

  /** Go on with the key that was made: nothing else may administer now. */
  protected use(made: KeyMade): void {
    this.own.set(made.key);
    location.reload();
  }

  protected ask(key: Key): void {
    this.doomed.set(key);
    this.confirm().ask();
  }

  protected revoke(): void {
    const key = this.doomed();
    if (!key) return;
    this.access.revokeKey(key.id).subscribe({
      next: () => this.leaveOut('Key revoked.'),
      error: (error: unknown) =>
        isGone(error) ? this.leaveOut('This key was already revoked.') : this.trouble.set(troubleOf(error)),
    });
  }

  private leaveOut(said: string): void {
    this.trouble.set(null);
    this.announcer.say(said);
    this.listing.reload();
  }

  protected reload(): void {
    this.listing.reload();
  }

  protected readonly moment = (at: string) => moment(new Date(at));
  protected readonly limitWords = limitWords;
}
