/** Names for the answers of the HTTP interface; the shapes are generated from its OpenAPI document. */

import type { components } from './schema';

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
export type JobFile = Job['files'][number];
export type Me = Schemas['Me'];
export type Feature = Me['features'][number];
export type ProblemDocument = Schemas['Problem'];
export type ErrorName = ProblemDocument['name'];
