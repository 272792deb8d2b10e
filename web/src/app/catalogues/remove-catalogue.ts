import { HttpClient } from '@angular/common/http';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  type ElementRef,
  inject,
  Injector,
  output,
  signal,
  viewChild,
} from '@angular/core';

import { API } from '../api/client';
import { isGone, troubleOf, type Trouble } from '../api/problem';
import type { Catalogue } from '../api/types';
import { count } from '../ui/format';
import { TroubleNote } from '../ui/trouble-note';

/** Says what goes with a catalogue, and removes it once its name was typed: nothing brings it back. */
@Component({
  selector: 'em-remove-catalogue',
  imports: [TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <dialog
      #dialog
      class="dialog"
      aria-labelledby="remove-heading"
      aria-describedby="remove-text"
      (close)="found.set(null)"
    >
      <h2 id="remove-heading">Remove this catalogue?</h2>
      @if (found(); as found) {
        <form (submit)="remove($event)">
          <p id="remove-text">
            “{{ found.name }}” goes for good, with
            {{ found.tracks === 1 ? 'its one track' : 'its ' + count(found.tracks) + ' tracks' }}, their models and
            labels, its map, and the list of its jobs. Tags, tracklists and experiments stay. To have it again, you will
            need the files.
          </p>
          <label class="field">
            Type its name, {{ found.name }}, to remove it
            <input
              autocomplete="off"
              autocapitalize="off"
              spellcheck="false"
              [value]="typed()"
              (input)="type($event)"
            />
          </label>
          @if (trouble(); as trouble) {
            <em-trouble [trouble]="trouble" />
          }
          <div class="actions">
            <button type="button" class="button" (click)="dialog.close()">Cancel</button>
            <button type="submit" class="button danger" [disabled]="!ready()">Remove</button>
          </div>
        </form>
      }
    </dialog>
  `,
})
export class RemoveCatalogue {
  private readonly http = inject(HttpClient);
  private readonly injector = inject(Injector);
  private readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  readonly removed = output<string>();
  /** It could not be read. */
  readonly failed = output<Trouble>();

  /** What goes, as it was last read: only that is removed. */
  protected readonly found = signal<Catalogue | null>(null);
  protected readonly typed = signal('');
  protected readonly asked = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly ready = computed(() => !this.asked() && this.typed().trim() === this.found()?.name);

  open(name: string): void {
    this.typed.set('');
    this.trouble.set(null);
    this.read(name, () =>
      // Opened when its form is there, so that the field takes the focus.
      afterNextRender(() => this.dialog().nativeElement.showModal(), { injector: this.injector }),
    );
  }

  private read(name: string, then?: () => void): void {
    this.http.get<Catalogue>(address(name)).subscribe({
      next: (catalogue) => {
        this.found.set(catalogue);
        then?.();
      },
      error: (error: unknown) => this.failed.emit(troubleOf(error)),
    });
  }

  protected type(event: Event): void {
    this.typed.set((event.target as HTMLInputElement).value);
  }

  protected remove(event: Event): void {
    event.preventDefault();
    const found = this.found();
    if (!found || !this.ready()) return;
    this.asked.set(true);
    this.trouble.set(null);
    const done = () => {
      this.asked.set(false);
      this.dialog().nativeElement.close();
      this.removed.emit(found.name);
    };
    this.http.delete(address(found.name), { params: { revision: found.revision } }).subscribe({
      next: done,
      error: (error: unknown) => {
        if (isGone(error)) return done();
        this.asked.set(false);
        this.trouble.set(troubleOf(error));
        this.read(found.name); // what it holds now is to be seen before it is asked again
      },
    });
  }

  protected readonly count = count;
}

function address(name: string): string {
  return `${API}/catalogues/${encodeURIComponent(name)}`;
}
