import { ChangeDetectionStrategy, Component, type ElementRef, input, output, viewChild } from '@angular/core';

/** A question before something is lost. `ask()` opens it; Escape and Cancel leave everything as it was. */
@Component({
  selector: 'em-confirm',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <dialog #dialog class="dialog" [attr.aria-labelledby]="id + '-heading'" [attr.aria-describedby]="id + '-text'">
      <h2 [id]="id + '-heading'">{{ heading() }}</h2>
      <p [id]="id + '-text'">{{ text() }}</p>
      <div class="actions">
        <button type="button" class="button" (click)="dialog.close()">Cancel</button>
        <button type="button" class="button danger" (click)="confirm()">{{ action() }}</button>
      </div>
    </dialog>
  `,
})
export class Confirm {
  readonly heading = input.required<string>();
  readonly text = input.required<string>();
  readonly action = input('Delete');
  readonly confirmed = output<void>();

  private static made = 0;
  protected readonly id = `confirm-${Confirm.made++}`;
  private readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  ask(): void {
    this.dialog().nativeElement.showModal();
  }

  protected confirm(): void {
    this.dialog().nativeElement.close();
    this.confirmed.emit();
  }
}
