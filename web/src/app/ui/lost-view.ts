import { inject, Injectable, signal } from '@angular/core';
import { NavigationEnd, type NavigationError, Router } from '@angular/router';
import { filter } from 'rxjs';

import type { Trouble } from '../api/problem';
import { Capture } from '../capture/capture';
import { Uploads } from '../views/uploads';

const RELOADED = 'earmark.reloaded';
/** A view that is missing this soon after a reload is not there either. */
const AGAIN_MS = 60_000;

/** What happens when a view cannot be loaded: the service is gone, or it is a newer one with other files. */
@Injectable({ providedIn: 'root' })
export class LostView {
  private readonly capture = inject(Capture);
  private readonly uploads = inject(Uploads);
  private readonly router = inject(Router);
  private url = '/';

  readonly trouble = signal<Trouble | null>(null);

  constructor() {
    this.router.events.pipe(filter((event) => event instanceof NavigationEnd)).subscribe(() => this.trouble.set(null));
  }

  /** Called when a view did not come. */
  async missing({ url, error }: NavigationError): Promise<void> {
    this.url = url;
    if (!(await serviceAnswers())) {
      this.trouble.set({
        name: 'offline',
        title: 'The service does not answer',
        detail: 'This view could not be loaded. Check the connection, and that Earmark is still running.',
        passing: true,
      });
    } else if (this.capture.busy() || this.uploads.active() || reloadedLately(url)) {
      console.error(error);
      this.trouble.set({
        name: 'page_outdated',
        title: 'This view could not be loaded',
        detail: 'Earmark may have been updated: reload the page once nothing is in progress.',
      });
    } else {
      remember(url);
      location.assign(url);
    }
  }

  retry(): void {
    void this.router.navigateByUrl(this.url);
  }
}

async function serviceAnswers(): Promise<boolean> {
  try {
    return (await fetch('/healthz', { cache: 'no-store' })).ok;
  } catch {
    return false;
  }
}

function reloadedLately(url: string): boolean {
  try {
    const [moment, where] = JSON.parse(sessionStorage.getItem(RELOADED) ?? '[0, ""]') as [number, string];
    return where === url && Date.now() - moment < AGAIN_MS;
  } catch {
    return true; // without a memory it could go on for ever
  }
}

function remember(url: string): void {
  sessionStorage.setItem(RELOADED, JSON.stringify([Date.now(), url]));
}
