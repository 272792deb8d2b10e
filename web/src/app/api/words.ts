/** What this page says about each error of the service: for people, not for programs. */

import type { ErrorName } from './types';

export interface Words {
  readonly title: string;
  /** Said instead of the service's own sentence, where that speaks to programmers or names identifiers. */
  readonly detail?: string;
}

const UNCHANGED = 'Nothing was changed.';
const AGAIN = `${UNCHANGED} Try again in a moment.`;
const RELOAD = 'Reload the page and try again.';
const OPERATOR = 'Whoever runs this service has to look into it.';
/** For what a page that fits its service never sends. */
const MISFIT: Words = { title: 'The service did not understand this page', detail: RELOAD };

/** One entry for every name in the OpenAPI document: the type makes sure of it. */
export const WORDS: Record<ErrorName, Words> = {
  // What was sent
  audio_empty: { title: 'The file is empty' },
  audio_error: { title: 'This recording cannot be used' },
  audio_no_stream: { title: 'There is no sound in this file' },
  audio_too_large: { title: 'This file is too large' },
  audio_too_long: { title: 'This recording is too long' },
  audio_unreadable: { title: 'This is not a sound file, or it is damaged' },
  audio_unsupported: { title: 'This kind of recording is not supported' },
  decode_limit: { title: 'This file cannot be read', detail: 'It may be damaged. Try another format or another file.' },
  invalid_signature: { title: 'The recording’s signature was damaged on its way', detail: AGAIN },
  signature_mismatch: {
    title: 'This library needs the sound itself',
    detail: 'Its parameters are others than this page computes signatures with: let the sound be sent.',
  },
  file_missing: { title: 'No file arrived' },
  snippet_silent: { title: 'Nothing was heard' },
  snippet_too_short: { title: 'That was too short' },
  invalid_input: { title: 'This cannot be used' },
  invalid_parameter: { title: 'Please check what you entered' },
  invalid_config: { title: 'Please check these settings' },
  // What is missing, or gone
  not_found: { title: 'There is nothing here' },
  track_not_found: {
    title: 'This track is no longer in the library',
    detail: 'It was deleted, here or somewhere else.',
  },
  catalogue_not_found: { title: 'There is no such catalogue' },
  tag_not_found: {
    title: 'There is no such tag',
    detail: 'It was deleted, belongs to another key, or its address was copied incompletely.',
  },
  listen_not_found: { title: 'Earmark stopped listening', detail: 'It took too long. Record once more.' },
  job_not_found: {
    title: 'This upload is no longer known',
    detail: 'Check the library, and add it again if it is missing.',
  },
  model_not_found: { title: 'There is no such model', detail: 'Reload the page to see which there are.' },
  experiment_not_found: { title: 'This experiment is no longer stored', detail: 'Reload the list.' },
  tracklist_not_found: { title: 'This tracklist is no longer stored', detail: 'Reload the list.' },
  monitor_not_found: { title: 'No listener of this name is known', detail: 'Start it on the machine that listens.' },
  key_not_found: { title: 'There is no such key', detail: 'It was revoked, here or somewhere else.' },
  recording_not_found: {
    title: 'This recording was not kept',
    detail: 'Recordings are kept only on request, for days.',
  },
  webhook_not_found: { title: 'There is no such webhook', detail: 'It was deleted, here or somewhere else.' },
  // What stands in the way
  last_admin_key: {
    title: 'This is the last key for administrators',
    detail: 'Create another one first: without one, nobody could administer this service.',
  },
  conflict: { title: 'Someone else changed this', detail: RELOAD },
  precondition_failed: { title: 'Someone else changed this', detail: RELOAD },
  catalogue_busy: {
    title: 'Somebody is working on this catalogue',
    detail: `${UNCHANGED} Try again when what is being added or measured is done.`,
  },
  catalogue_changed: { title: 'This catalogue has changed since you looked', detail: `${UNCHANGED} ${RELOAD}` },
  catalogue_exists: { title: 'This catalogue already exists' },
  catalogue_outdated: {
    title: 'This library is from an earlier version',
    detail: 'Whoever runs the service must add its files again: earmark catalogues renew.',
  },
  track_busy: { title: 'This track is being added right now', detail: 'Try again in a few seconds.' },
  monitor_busy: { title: 'A listener of this name runs already', detail: 'End it first, or choose another name.' },
  duplicate_key: { title: 'This is already stored', detail: 'Reload the page to see it.' },
  idempotency_in_progress: {
    title: 'This recording is still being worked on',
    detail: 'Wait a second and send it again.',
  },
  piece_out_of_order: { title: 'A part of the recording got lost', detail: 'Record once more.' },
  idempotency_mismatch: { title: 'This recording was not expected', detail: 'Record or choose it once more.' },
  // The service
  weights_missing: {
    title: 'The network for tags is not installed',
    detail: 'Whoever runs the service gets it with: earmark models get musicnn-msd.',
  },
  invalid_model: { title: 'A model is damaged', detail: OPERATOR },
  busy: { title: 'Earmark is busy', detail: 'Many recordings are being compared. Try again in a moment.' },
  not_ready: { title: 'Earmark is still starting', detail: 'Try again in a moment.' },
  unavailable: { title: 'Earmark is not available', detail: AGAIN },
  store_unavailable: { title: 'The library does not answer', detail: AGAIN },
  decoder_unavailable: { title: 'Recordings cannot be read right now', detail: AGAIN },
  cluster_unavailable: { title: 'The machines that search do not answer', detail: AGAIN },
  store_failed: { title: 'The library has a fault', detail: OPERATOR },
  store_full: { title: 'The disk of the service is full', detail: `${UNCHANGED} ${OPERATOR}` },
  store_read_only: { title: 'The library cannot be changed', detail: `${UNCHANGED} ${OPERATOR}` },
  store_corrupt: { title: 'Part of the library is damaged', detail: OPERATOR },
  schema_too_new: { title: 'This Earmark is older than its library', detail: OPERATOR },
  internal_error: { title: 'Earmark failed', detail: `Try again. If it fails again, ${OPERATOR.toLowerCase()}` },
  // Who may ask
  key_missing: {
    title: 'A key is needed',
    detail: 'This service asks for a key here. Enter yours, or ask whoever runs the service for one.',
  },
  key_invalid: {
    title: 'This key is not valid',
    detail: 'It is unknown or was revoked. Enter another, or ask whoever runs the service for one.',
  },
  key_role: {
    title: 'Your key does not allow this',
    detail: 'It is for tagging; this needs an administrator’s key.',
  },
  rate_limited: { title: 'That was too much in a short time' },
  quota_reached: {
    title: 'Your history is full',
    detail: 'Delete tags that you do not need, or ask whoever runs the service for more room.',
  },
  keys_required: {
    title: 'This service is not open to other machines yet',
    detail: 'Whoever runs it has to create a key first.',
  },
  host_not_allowed: {
    title: 'The service does not answer to this address',
    detail: 'Whoever runs it has to allow the address.',
  },
  origin_not_allowed: {
    title: 'This site may not use the service',
    detail: 'Whoever runs the service has to allow the site.',
  },
  // What a page that fits its service never sends
  bad_request: MISFIT,
  method_not_allowed: MISFIT,
  media_type_unsupported: MISFIT,
  encoding_unsupported: {
    title: 'The service cannot unpack what was sent',
    detail: 'Send the recording as it is, without compression.',
  },
  request_timeout: { title: 'Sending took too long', detail: 'The connection may be slow or broken. Try again.' },
  request_too_large: { title: 'That is too much at once', detail: 'Send fewer or smaller files.' },
};

/** The words for a name that may come from a newer service. */
export function wordsFor(name: string): Words | undefined {
  return (WORDS as Readonly<Record<string, Words | undefined>>)[name];
}
