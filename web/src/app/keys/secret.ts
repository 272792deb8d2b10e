import { ChangeDetectionStrategy, Component, input, output, signal } from '@angular/core';

/** A secret that is shown once. */
@Component({
  selector: 'em-secret',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <section class="panel secret" role="group" [attr.aria-label]="heading()">
      <h3>{{ heading() }}</h3>
      <p>Keep it now: it is never shown again.</p>
      <p>
        <code>{{ value() }}</code>
      </p>
      <div class="actions">
        <button type="button" class="button" (click)="copy()">{{ copied() ? 'Copied' : 'Copy' }}</button>
        <ng-content />
        <button type="button" class="button quiet" (click)="gone.emit()">I have kept it</button>
      </div>
    </section>
  `,
})
export class Secret {
  readonly heading = input.required<string>();
  readonly value = input.required<string>();
  readonly gone = output<void>();
  protected readonly copied = signal(false);

  protected async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.value());
      this.copied.set(true);
    } catch {
      // Only secure pages may write to the clipboard: the secret can still be selected by hand.
    }
  }
}
