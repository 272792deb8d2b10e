import type { Routes } from '@angular/router';

import { Listen } from './views/listen';

export const routes: Routes = [
  { path: '', component: Listen, title: 'Listen · Earmark', pathMatch: 'full' },
  { path: 'tags/:id', loadComponent: () => import('./views/tag-view').then((m) => m.TagView), title: 'Tag · Earmark' },
  {
    path: 'history',
    loadComponent: () => import('./views/history').then((m) => m.History),
    title: 'History · Earmark',
  },
  {
    path: 'library',
    loadComponent: () => import('./views/library').then((m) => m.Library),
    title: 'Library · Earmark',
  },
  {
    path: 'tracklists',
    loadComponent: () => import('./tracklists/tracklists').then((m) => m.Tracklists),
    title: 'Tracklists · Earmark',
  },
  {
    path: 'tracklists/:id',
    loadComponent: () => import('./tracklists/tracklist-view').then((m) => m.TracklistView),
    title: 'Tracklist · Earmark',
  },
  {
    path: 'labels',
    loadComponent: () => import('./labels/labels').then((m) => m.LabelsView),
    title: 'Labels · Earmark',
  },
  {
    path: 'keys',
    loadComponent: () => import('./keys/keys-view').then((m) => m.KeysView),
    title: 'Keys and webhooks · Earmark',
  },
  {
    path: '**',
    loadComponent: () => import('./views/not-found').then((m) => m.NotFound),
    title: 'Not found · Earmark',
  },
];
