import { bootstrapApplication } from '@angular/platform-browser';

import { App } from './app/app';
import { appConfig } from './app/app.config';

bootstrapApplication(App, appConfig).catch((error: unknown) => console.error(error));

// Once the first view is there, so that the page also opens without a connection. Without it, all else works.
addEventListener('load', () => {
  navigator.serviceWorker?.register('offline.js', { updateViaCache: 'none' }).catch(() => undefined);
});
