import { HttpClient, HttpErrorResponse, HttpEventType, type HttpEvent, type HttpResponse } from '@angular/common/http';
import { inject, Injectable } from '@angular/core';
import { catchError, filter, map, Observable, switchMap, takeWhile, throwError, timer } from 'rxjs';

import { troubleOf } from './problem';
import type {
  ExperimentQuery,
  Job,
  LabelModel,
  Labels,
  Listen,
  Segment,
  SegmentEdit,
  SoundTags,
  Tag,
  Track,
  TrackEdit,
  TrainQuery,
} from './types';

export const API = '/api/v1';

/** An upload under way, then its answer. */
export type Progress<T> =
  | { readonly kind: 'sent'; readonly loaded: number; readonly total: number }
  | { readonly kind: 'waiting'; readonly seconds: number }
  | { readonly kind: 'answer'; readonly answer: T };

const ATTEMPTS = 4;

/** How a recording in pieces is listened to: `signatures`, `rate` in samples a second, `continuous`. */
export type ListenHow = Readonly<Record<string, boolean | number>>;

/** Everything that writes; reading is done with `httpResource` where it is shown. */
@Injectable({ providedIn: 'root' })
export class Api {
  private readonly http = inject(HttpClient);

  /**
   * Identify a snippet. A busy service (503) is asked again when it says so, a few times. Sending the same
   * snippet again under the same `key` returns the same tag, should the answer have been lost on the way. `recorded`
   * is when it was made, if it had to wait.
   */
  postSnippet(snippet: Blob, name: string, key: string, recorded?: string): Observable<Progress<Tag>> {
    return this.upload<Tag>(tagsUrl(recorded), snippetForm(snippet, name), snippet.size, { 'Idempotency-Key': key });
  }

  /** As `postSnippet`, but only what the sound's signature says of it leaves this device. */
  postSignature(signature: Blob, key: string, recorded?: string): Observable<Progress<Tag>> {
    const headers = { 'Content-Type': signature.type, 'Idempotency-Key': key };
    return this.upload<Tag>(tagsUrl(recorded), signature, signature.size, headers);
  }

  /** Begin a recording that is sent in pieces: of a file, bare samples with their `rate`, or signatures so far. */
  beginListen(how: ListenHow): Observable<Listen> {
    return this.http.post<Listen>(`${API}/listens`, null, { params: how });
  }

  postPiece(id: string, number: number, piece: Blob, last = false): Observable<Listen> {
    const params: ListenHow = last ? { last } : {};
    const options = { headers: { 'Content-Type': 'application/octet-stream' }, params };
    return this.http.post<Listen>(`${API}/listens/${encodeURIComponent(id)}/pieces/${number}`, piece, options);
  }

  deleteListen(id: string): Observable<unknown> {
    return this.http.delete(`${API}/listens/${encodeURIComponent(id)}`);
  }

  /** Add one file to the library, or as the query `into` says: the answer is a job. */
  postTrack(file: File, into = ''): Observable<Progress<Job>> {
    const form = new FormData();
    form.append('file', file, file.name);
    return this.upload<Job>(`${API}/tracks${into}`, form, file.size, {});
  }

  /**
   * Have a long recording listened to, as the query `how` says: the answer is a job, which names the tracklist that it
   * fills.
   */
  postRecording(file: File, how = ''): Observable<Progress<Job>> {
    const form = new FormData();
    form.append('file', file, file.name);
    return this.upload<Job>(`${API}/tracklists${how}`, form, file.size, {});
  }

  editSegment(tracklist: string, segment: string, edit: Partial<SegmentEdit>): Observable<Segment> {
    return this.http.patch<Segment>(
      `${API}/tracklists/${encodeURIComponent(tracklist)}/segments/${encodeURIComponent(segment)}`,
      edit,
    );
  }

  /** Ask what a recording sounds like, as a whole and every so many seconds; nothing of it is kept. */
  postTags(recording: Blob, name: string, every?: number): Observable<Progress<SoundTags>> {
    return this.ask<SoundTags>('tags', recording, name, every);
  }

  /** Ask what a model calls a recording, and if `every` is given, each stretch of so many seconds; nothing is kept. */
  postLabels(task: string, recording: Blob, name: string, every?: number): Observable<Progress<Labels>> {
    return this.ask<Labels>(task, recording, name, every);
  }

  private ask<T>(task: string, recording: Blob, name: string, every?: number): Observable<Progress<T>> {
    const url = `${API}/labels/${encodeURIComponent(task)}${every ? `?every=${every}` : ''}`;
    return this.upload<T>(url, snippetForm(recording, name), recording.size, {});
  }

  /** Have a recording drawn: a PNG. */
  postSpectrogram(recording: Blob, name: string): Observable<Blob> {
    return this.http.post(`${API}/spectrogram`, snippetForm(recording, name), { responseType: 'blob' }).pipe(
      // The problem document comes as bytes too.
      catchError(async (error: unknown) => {
        if (!(error instanceof HttpErrorResponse) || !(error.error instanceof Blob)) throw error;
        const { headers, status, statusText, url } = error;
        const text = await error.error.text();
        throw new HttpErrorResponse({ error: text, headers, status, statusText, url: url ?? '' });
      }),
    );
  }

  activateModel(task: string, version: string): Observable<LabelModel> {
    return this.http.post<LabelModel>(
      `${API}/label-models/${encodeURIComponent(task)}/${encodeURIComponent(version)}/activate`,
      null,
    );
  }

  rollbackModel(task: string): Observable<LabelModel> {
    return this.http.post<LabelModel>(`${API}/label-models/${encodeURIComponent(task)}/rollback`, null);
  }

  /** Have an experiment run: the answer is its job, which bears its id. */
  postExperiment(files: readonly File[], table: string, query: ExperimentQuery): Observable<Progress<Job>> {
    const form = new FormData();
    for (const file of files) form.append('file', file, file.name);
    if (table) form.append('table', table);
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
    const params = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    const size = files.reduce((sum, file) => sum + file.size, 0);
    return this.upload<Job>(`${API}/experiments?${params}`, form, size, {});
  }

  /** Have a model trained on labelled recordings: the answer is a job, which names the model's version at its end. */
  postTraining(task: string, files: readonly File[], labels: string, query: TrainQuery): Observable<Progress<Job>> {
    const form = new FormData();
    for (const file of files) form.append('file', file, file.name);
    form.append('labels', labels);
    const params = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
    const size = files.reduce((sum, file) => sum + file.size, 0);
    return this.upload<Job>(`${API}/label-models/${encodeURIComponent(task)}/train?${params}`, form, size, {});
  }

  private upload<T>(
    url: string,
    body: FormData | Blob,
    size: number,
    headers: Record<string, string>,
    attempts = ATTEMPTS,
  ): Observable<Progress<T>> {
    return this.http.post<T>(url, body, { headers, reportProgress: true, observe: 'events' }).pipe(
      map((event) => progressOf<T>(event, size)),
      filter((progress) => progress !== null),
      catchError((error: unknown) => {
        const wait = troubleOf(error).retryAfter_s;
        if (!wait || attempts <= 1) return throwError(() => error);
        return new Observable<Progress<T>>((observer) => {
          observer.next({ kind: 'waiting', seconds: wait });
          return timer(wait * 1000)
            .pipe(switchMap(() => this.upload<T>(url, body, size, headers, attempts - 1)))
            .subscribe(observer);
        });
      }),
    );
  }

  /** Edit a track; with an `etag`, only if it is what that names. */
  editTrack(id: string, edit: Partial<TrackEdit>, etag?: string | null): Observable<HttpResponse<Track>> {
    const headers: Record<string, string> = etag ? { 'If-Match': etag } : {};
    return this.http.patch<Track>(`${API}/tracks/${encodeURIComponent(id)}`, edit, { headers, observe: 'response' });
  }

  /** A job's states until it is done: server-sent events, and polling where they do not get through. */
  watchJob(id: string): Observable<Job> {
    const url = `${API}/jobs/${encodeURIComponent(id)}`;
    const polled = timer(0, 1000).pipe(
      switchMap(() => this.http.get<Job>(url)),
      takeWhile((job) => job.status !== 'done', true),
    );
    if (typeof EventSource === 'undefined') return polled;
    return events<Job>(`${url}/events`).pipe(
      takeWhile((job) => job.status !== 'done', true),
      catchError(() => polled),
    );
  }
}

function tagsUrl(recorded?: string): string {
  return recorded ? `${API}/tags?recorded=${encodeURIComponent(recorded)}` : `${API}/tags`;
}

function snippetForm(recording: Blob, name: string): FormData {
  const form = new FormData();
  form.append('snippet', recording, name);
  return form;
}

function progressOf<T>(event: HttpEvent<T>, size: number): Progress<T> | null {
  if (event.type === HttpEventType.UploadProgress)
    return { kind: 'sent', loaded: event.loaded, total: event.total ?? size };
  if (event.type === HttpEventType.Response) return { kind: 'answer', answer: event.body as T };
  return null;
}

/** Messages of a server-sent event stream as objects; errors when the stream breaks. */
function events<T>(url: string): Observable<T> {
  return new Observable<T>((observer) => {
    const source = new EventSource(url);
    const take = (event: MessageEvent<string>) => observer.next(JSON.parse(event.data) as T);
    for (const name of ['job', 'done']) source.addEventListener(name, take);
    source.onerror = () => observer.error(new Error('event stream broke'));
    return () => source.close();
  });
}

/** 128 random bits in hexadecimal: `crypto.randomUUID` exists on secure pages only. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
