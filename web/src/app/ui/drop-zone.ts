import { Directive, inject, signal } from '@angular/core';
import { Router } from '@angular/router';

import { Me } from '../api/me';
import { Capture } from '../capture/capture';
import { ToTag } from '../capture/to-tag';
import { ToLabel } from '../labels/to-label';
import { Uploads } from '../views/uploads';
import { Announcer } from './announcer';

const NOTICE_MS = 4000;

type Place = 'library' | 'tracklists' | 'labels' | 'listen';

const PROMISES: Readonly<Record<Place, string>> = {
  library: 'Drop them to add them to the library',
  tracklists: 'Drop them to list what is played in them',
  labels: 'Drop it to hear what it sounds like',
  listen: 'Drop recordings to tag them',
};

/**
 * Files and folders dropped anywhere on the page: for what the view that is shown does with files, else to be tagged. Without it the
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
  private readonly announcer = inject(Announcer);
  private readonly capture = inject(Capture);
  private readonly me = inject(Me);
  private readonly router = inject(Router);
  private readonly toLabel = inject(ToLabel);
  private readonly toTag = inject(ToTag);
  private readonly uploads = inject(Uploads);

  /** What letting go would do, while files hover over the page. */
  readonly promise = signal('');

  protected over(event: DragEvent): void {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    this.promise.set(PROMISES[this.place()]);
  }

  protected leave(event: DragEvent): void {
    if (event.relatedTarget === null) this.promise.set('');
  }

  protected async drop(event: DragEvent): Promise<void> {
    this.promise.set('');
    if (!holdsFiles(event)) return;
    event.preventDefault();
    const { items, files: plain } = event.dataTransfer!;
    // Read now: what was dropped is gone when the event is over.
    const entries = [...items].map((item) => item.webkitGetAsEntry());
    let files = [...plain];
    if (entries.some((entry) => entry?.isDirectory)) {
      files = await (await import('./folders')).recordingsIn(entries);
      if (!files.length) return this.nothing();
    }
    const first = files[0];
    if (!first) return;
    const place = this.place();
    if (place === 'library') return this.uploads.add(files);
    if (place === 'tracklists') return this.uploads.add(files, 'recording');
    if (place === 'labels') return this.toLabel.file.set(first);
    if (files.length > 1 || this.router.url.startsWith('/batch')) {
      this.toTag.files.set(files);
      return void this.router.navigate(['/batch']);
    }
    if (!this.capture.panels()) await this.router.navigate(['/']);
    this.capture.tagFile(first);
  }

  private nothing(): void {
    this.promise.set('There is no recording in this folder');
    this.announcer.say(this.promise());
    setTimeout(() => this.promise.set(''), NOTICE_MS);
  }

  private place(): Place {
    const url = this.router.url;
    if (url.startsWith('/labels')) return 'labels';
    if (!this.me.may('edit')) return 'listen';
    return url.startsWith('/library') ? 'library' : url.startsWith('/tracklists') ? 'tracklists' : 'listen';
  }
}

function holdsFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') ?? false;
}
