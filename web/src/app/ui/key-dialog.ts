import { ChangeDetectionStrategy, Component, effect, type ElementRef, inject, viewChild } from '@angular/core';

import { AccessKey } from '../api/key';

/** Asks for a key when the service does, and lets it be changed or forgotten. */
@Component({
  selector: 'em-key-dialog',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <dialog #dialog class="dialog" aria-labelledby="key-heading" (close)="key.refusal.set(null)">
      <h2 id="key-heading">{{ key.refusal()?.title ?? 'Key' }}</h2>
      <p>
        {{
          key.refusal()?.detail ??
            'A service that is open to others asks for a key. On your own machine none is needed.'
        }}
      </p>
      <form (submit)="save($event)">
        <label class="field">
          Key
          <input name="key" type="password" autocomplete="off" spellcheck="false" [value]="key.value()" />
        </label>
        <p class="hint">It stays in this browser. An administrator makes one with <code>earmark keys create</code>.</p>
        <div class="actions">
          @if (key.value()) {
            <button type="button" class="button quiet" (click)="use('')">Forget it</button>
          }
          <button type="button" class="button" (click)="dialog.close()">Cancel</button>
          <button type="submit" class="button primary">Use it</button>
        </div>
      </form>
    </dialog>
  `,
})
export class KeyDialog {
  protected readonly key = inject(AccessKey);
  private readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  constructor() {
    effect(() => {
      if (this.key.refusal()) this.open();
    });
  }

  open(): void {
    const dialog = this.dialog().nativeElement;
    if (!dialog.open) dialog.showModal();
  }

  protected save(event: Event): void {
    event.preventDefault();
    this.use(String(new FormData(event.target as HTMLFormElement).get('key') ?? '').trim());
  }

  protected use(key: string): void {
    this.key.set(key);
    // Everything on the page was answered for the old key.
    location.reload();
  }
}
