/** Names for the answers of the HTTP interface; the shapes are generated from its OpenAPI document. */

import type { components, operations } from './schema';

type Schemas = components['schemas'];

export type Tag = Schemas['Tag'];
export type Tags = Schemas['Tags'];
export type Listen = Schemas['Listen'];
export type Match = Tag['matches'][number];
export type Near = Tag['nearest'][number];
export type Charts = Schemas['Charts'];
export type Track = Schemas['Track'];
export type Tracks = Schemas['Tracks'];
export type TrackEdit = Schemas['TrackEdit'];
export type Job = Schemas['Job'];
export type JobError = NonNullable<Job['error']>;
export type Segment = Schemas['Segment'];
export type SegmentEdit = Schemas['SegmentEdit'];
export type SegmentKind = Segment['kind'];
export type Tracklist = Schemas['Tracklist'];
export type TracklistEntry = Schemas['TracklistEntry'];
export type Tracklists = Schemas['Tracklists'];
export type ExportFormat = operations['exportTracklist']['parameters']['query']['format'];
export type Monitor = Schemas['Monitor'];
export type Monitors = Schemas['Monitors'];
export type SoundTags = Schemas['SoundTags'];
export type SoundTag = SoundTags['tags'][number];
export type Labels = Schemas['Labels'];
export type LabelModel = Schemas['LabelModel'];
export type LabelModels = Schemas['LabelModels'];
export type Me = Schemas['Me'];
export type Key = Schemas['Key'];
export type KeyCreate = Schemas['KeyCreate'];
export type KeyMade = Schemas['KeyMade'];
export type Keys = Schemas['Keys'];
export type Webhook = Schemas['Webhook'];
export type WebhookCreate = Schemas['WebhookCreate'];
export type WebhookMade = Schemas['WebhookMade'];
export type WebhookTested = Schemas['WebhookTested'];
export type Webhooks = Schemas['Webhooks'];
export type Feature = Me['features'][number];
export type ProblemDocument = Schemas['Problem'];
export type ErrorName = ProblemDocument['name'];
