import { provideHttpClient, withInterceptors } from '@angular/common/http';
import { type ApplicationConfig, inject, provideBrowserGlobalErrorListeners } from '@angular/core';
import {
  provideRouter,
  withComponentInputBinding,
  withInMemoryScrolling,
  withNavigationErrorHandler,
  withRouterConfig,
} from '@angular/router';

import { withCatalogue } from './api/catalogue';
import { withKey } from './api/key';
import { routes } from './app.routes';
import { LostView } from './ui/lost-view';

export const appConfig: ApplicationConfig = {
  providers: [
    provideBrowserGlobalErrorListeners(),
    // XMLHttpRequest, the default: `fetch` reports no upload progress.
    provideHttpClient(withInterceptors([withCatalogue, withKey])),
    provideRouter(
      routes,
      withComponentInputBinding(),
      withInMemoryScrolling({ scrollPositionRestoration: 'enabled' }),
      withNavigationErrorHandler((error) => void inject(LostView).missing(error)),
      // It has been said on the page: nothing is left for the console.
      withRouterConfig({ resolveNavigationPromiseOnError: true }),
    ),
  ],
};
