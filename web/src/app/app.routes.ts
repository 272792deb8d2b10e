import type { Routes } from '@angular/router';

import { guarded } from './api/administrators';
import { styled } from './ui/section-styles';
import { Listen } from './views/listen';

/** Each section is one file: its views share most of what they say, and compress well together. */
const collection = () => import('./collection/section');
const experiments = () => import('./experiments/section');
const labels = () => import('./labels/section');
const system = () => import('./system/section');
const tracklists = () => import('./tracklists/section');
const views = () => import('./views/section');

export const routes: Routes = guarded(
  styled([
    { path: '', component: Listen, title: 'Listen · Earmark', pathMatch: 'full' },
    {
      path: 'tags/:id',
      loadComponent: () => import('./views/evidence').then((m) => m.TagView),
      title: 'Tag · Earmark',
    },
    { path: 'batch', loadComponent: () => views().then((m) => m.Batch), title: 'Recordings · Earmark' },
    {
      path: 'history',
      loadComponent: () => views().then((m) => m.History),
      title: 'History · Earmark',
    },
    { path: 'library', loadComponent: () => collection().then((m) => m.Library), title: 'Library · Earmark' },
    {
      path: 'library/duplicates',
      loadComponent: () => collection().then((m) => m.DuplicatesView),
      title: 'Duplicates · Earmark',
    },
    { path: 'library/map', loadComponent: () => collection().then((m) => m.MapView), title: 'Map · Earmark' },
    { path: 'tracks/:id', loadComponent: () => collection().then((m) => m.TrackView), title: 'Track · Earmark' },
    { path: 'tracklists', loadComponent: () => tracklists().then((m) => m.Tracklists), title: 'Tracklists · Earmark' },
    {
      path: 'tracklists/compare',
      loadComponent: () => tracklists().then((m) => m.CompareTracklists),
      title: 'Tracklists compared · Earmark',
    },
    {
      path: 'tracklists/:id',
      loadComponent: () => tracklists().then((m) => m.TracklistView),
      title: 'Tracklist · Earmark',
    },
    { path: 'live', loadComponent: () => tracklists().then((m) => m.LiveView), title: 'Keep listening · Earmark' },
    { path: 'labels', loadComponent: () => labels().then((m) => m.LabelsView), title: 'Labels · Earmark' },
    { path: 'labels/train', loadComponent: () => labels().then((m) => m.Train), title: 'Train a model · Earmark' },
    {
      path: 'labels/compare',
      loadComponent: () => labels().then((m) => m.CompareSongs),
      title: 'Songs compared · Earmark',
    },
    {
      path: 'labels/models/:task/:version',
      loadComponent: () => labels().then((m) => m.ModelView),
      title: 'Model · Earmark',
    },
    {
      path: 'experiments',
      loadComponent: () => experiments().then((m) => m.Experiments),
      title: 'Experiments · Earmark',
    },
    {
      path: 'experiments/compare',
      loadComponent: () => experiments().then((m) => m.Compare),
      title: 'Experiments compared · Earmark',
    },
    {
      path: 'experiments/:id',
      loadComponent: () => experiments().then((m) => m.ExperimentView),
      title: 'Experiment · Earmark',
    },
    { path: 'system', loadComponent: () => system().then((m) => m.System), title: 'System · Earmark' },
    { path: 'catalogues', loadComponent: () => system().then((m) => m.CataloguesView), title: 'Catalogues · Earmark' },
    { path: 'keys', loadComponent: () => system().then((m) => m.KeysView), title: 'Keys and webhooks · Earmark' },
    {
      path: '**',
      loadComponent: () => views().then((m) => m.NotFound),
      title: 'No such view · Earmark',
    },
  ]),
);
