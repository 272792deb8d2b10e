import type { Routes } from '@angular/router';

import { styled } from './ui/section-styles';
import { Listen } from './views/listen';

export const routes: Routes = styled([
  { path: '', component: Listen, title: 'Listen · Earmark', pathMatch: 'full' },
  { path: 'tags/:id', loadComponent: () => import('./views/tag-view').then((m) => m.TagView), title: 'Tag · Earmark' },
  {
    path: 'batch',
    loadComponent: () => import('./views/batch').then((m) => m.Batch),
    title: 'Recordings · Earmark',
  },
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
    path: 'labels/train',
    loadComponent: () => import('./labels/train').then((m) => m.Train),
    title: 'Train a model · Earmark',
  },
  {
    path: 'labels/compare',
    loadComponent: () => import('./labels/compare').then((m) => m.CompareSongs),
    title: 'Songs compared · Earmark',
  },
  {
    path: 'labels/models/:task/:version',
    loadComponent: () => import('./labels/model-view').then((m) => m.ModelView),
    title: 'Model · Earmark',
  },
  {
    path: 'experiments',
    loadComponent: () => import('./experiments/experiments').then((m) => m.Experiments),
    title: 'Experiments · Earmark',
  },
  {
    path: 'experiments/compare',
    loadComponent: () => import('./experiments/compare').then((m) => m.Compare),
    title: 'Experiments compared · Earmark',
  },
  {
    path: 'experiments/:id',
    loadComponent: () => import('./experiments/experiment-view').then((m) => m.ExperimentView),
    title: 'Experiment · Earmark',
  },
  {
    path: 'system',
    loadComponent: () => import('./system/system').then((m) => m.System),
    title: 'System · Earmark',
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
]);
