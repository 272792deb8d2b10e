import { Directive, inject, signal } from '@angular/core';
import { Router } from '@angular/router';

import { Me } from '../api/me';
import { Capture } from '../capture/capture';
import { Uploads } from '../views/uploads';

/**
 * Files dropped anywhere on the page: into the library where that is what is shown, else to be tagged. Without it the
 * browser would leave the page to open the file, and end what is under way.
 */
@Directive({
  selector: '[emDropZone]',
  exportAs: 'emDropZone',
  host: {
    '(document:dragover)': 'over($event)',
    '(document:dragleave)': 'leave($event)',
    '(document:drop)': 'drop($event)',
  },
})
export class DropZone {
  private readonly capture = inject(Capture);
  private readonly me = inject(Me);
  private readonly router = inject(Router);
  private readonly uploads = inject(Uploads);

  /** What letting go would do, while files hover over the page. */
  readonly promise = signal('');

  protected over(event: DragEvent): void {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    this.promise.set(this.adds() ? 'Drop them to add them to the library' : 'Drop it to tag it');
  }

  protected leave(event: DragEvent): void {
    if (event.relatedTarget === null) this.promise.set('');
  }

  protected async drop(event: DragEvent): Promise<void> {
    this.promise.set('');
    if (!holdsFiles(event)) return;
    event.preventDefault();
    const files = [...event.dataTransfer!.files];
    const first = files[0];
    if (!first) return;
    if (this.adds()) return this.uploads.add(files);
    if (!this.capture.panels()) await this.router.navigate(['/']);
    this.capture.tagFile(first);
  }

  private adds(): boolean {
    return this.router.url.startsWith('/library') && this.me.may('edit');
  }
}

function holdsFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') ?? false;
}
