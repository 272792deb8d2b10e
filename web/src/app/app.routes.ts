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
    path: 'library/duplicates',
    loadComponent: () => import('./collection/duplicates').then((m) => m.DuplicatesView),
    title: 'Duplicates · Earmark',
  },
  {
    path: 'library/map',
    loadComponent: () => import('./collection/map-view').then((m) => m.MapView),
    title: 'Map · Earmark',
  },
  {
    path: 'tracks/:id',
    loadComponent: () => import('./collection/track-view').then((m) => m.TrackView),
    title: 'Track · Earmark',
  },
  {
    path: 'catalogues',
    loadComponent: () => import('./catalogues/catalogues').then((m) => m.CataloguesView),
    title: 'Catalogues · Earmark',
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
