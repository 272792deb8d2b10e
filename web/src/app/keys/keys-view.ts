import { ChangeDetectionStrategy, Component, computed, inject, signal, viewChild } from '@angular/core';
import { catchError, concatMap, from, of, tap } from 'rxjs';

import { AccessKey } from '../api/key';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { Key, KeyCreate, KeyMade } from '../api/types';
import { DataList } from '../lists/data-list';
import { ListState } from '../lists/list-state';
import { Row } from '../lists/row';
import { Announcer } from '../ui/announcer';
import { Confirm } from '../ui/confirm';
import { moment } from '../ui/format';
import { TroubleNote } from '../ui/trouble-note';
import { Access } from './access';
import { Secret } from './secret';
import { WebhookList } from './webhook-list';
import { limitWords } from './words';

/** Who may use the service; for administrators. */
@Component({
  selector: 'em-keys-view',
  imports: [Confirm, DataList, Row, Secret, TroubleNote, WebhookList],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './keys-view.html',
})
export class KeysView {
  private readonly access = inject(Access);
  private readonly announcer = inject(Announcer);
  protected readonly own = inject(AccessKey);
  private readonly confirm = viewChild.required(Confirm);
  private readonly rows = viewChild.required<DataList<Key>>(DataList);

  protected readonly list = new ListState<Key>({ of: 'keys', limit: 100, address: ['search', 'sort'] });
  /** Whether the next key is the first, and so an administrator's. */
  protected readonly none = computed(() => !this.list.entries().length && !this.list.filtered());
  protected readonly orders = [
    ['created', 'oldest first'],
    ['-created', 'Newest first'],
    ['name', 'Name'],
    ['role', 'Role'],
    ['-last_used', 'Last used first'],
  ] as const;
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly made = signal<KeyMade | null>(null);
  protected readonly busy = signal(false);
  protected readonly doomed = signal<readonly Key[]>([]);
  protected readonly doomedText = computed(() => {
    const names = this.doomed().map(({ name }) => `“${name}”`);
    return names.length > 1
      ? `Whoever uses ${names.join(', ')} is refused at once. Their tags stay, for administrators to see.`
      : `Whoever uses ${names[0] ?? ''} is refused at once. Its tags stay, for administrators to see.`;
  });

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
          if (!this.none()) this.list.reload();
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

  protected ask(keys: readonly Key[]): void {
    this.doomed.set(keys);
    this.confirm().ask();
  }

  /** At once, one after another: what is to be refused must not be answered for some seconds more. */
  protected revoke(): void {
    const row = this.list.entries().indexOf(this.doomed()[0]!);
    this.trouble.set(null);
    from(this.doomed())
      .pipe(
        concatMap((key) =>
          this.access.revokeKey(key.id).pipe(
            catchError((error: unknown) => {
              if (!isGone(error)) throw error;
              return of(null); // already revoked
            }),
            tap(() => this.list.leaveOut(key)),
          ),
        ),
      )
      .subscribe({
        error: (error: unknown) => this.trouble.set(troubleOf(error)),
        complete: () => {
          this.announcer.say(this.doomed().length > 1 ? `${this.doomed().length} keys revoked.` : 'Key revoked.');
          this.rows().focusRow(row);
        },
      });
  }

  protected readonly called = (key: Key) => `the key of ${key.name}`;
  protected readonly moment = (at: string) => moment(new Date(at));
  protected readonly limitWords = limitWords;
}
