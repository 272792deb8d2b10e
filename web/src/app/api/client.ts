import { HttpClient, HttpEventType, type HttpEvent } from '@angular/common/http';
import { inject, Injectable } from '@angular/core';
import { catchError, filter, map, Observable, switchMap, takeWhile, throwError, timer } from 'rxjs';

import { troubleOf } from './problem';
import type { Job, Listen, Tag, Track, TrackEdit } from './types';

export const API = '/api/v1';

/** An upload under way, then its answer. */
export type Progress<T> =
  | { readonly kind: 'sent'; readonly loaded: number; readonly total: number }
  | { readonly kind: 'waiting'; readonly seconds: number }
  | { readonly kind: 'answer'; readonly answer: T };

const ATTEMPTS = 4;

/** Everything that writes; reading is done with `httpResource` where it is shown. */
@Injectable({ providedIn: 'root' })
export class Api {
  private readonly http = inject(HttpClient);

  /**
   * Identify a snippet. A busy service (503) is asked again when it says so, a few times. Sending the same
   * snippet again under the same `key` returns the same tag, should the answer have been lost on the way.
   */
  postSnippet(snippet: Blob, name: string, key: string): Observable<Progress<Tag>> {
    const form = new FormData();
    form.append('snippet', snippet, name);
    return this.upload<Tag>(`${API}/tags`, form, snippet.size, { 'Idempotency-Key': key });
  }

  /** Begin a recording that is sent in pieces. */
  beginListen(): Observable<Listen> {
    return this.http.post<Listen>(`${API}/listens`, null);
  }

  postPiece(id: string, number: number, piece: Blob): Observable<Listen> {
    const headers = { 'Content-Type': 'application/octet-stream' };
    return this.http.post<Listen>(`${API}/listens/${encodeURIComponent(id)}/pieces/${number}`, piece, { headers });
  }

  deleteListen(id: string): Observable<unknown> {
    return this.http.delete(`${API}/listens/${encodeURIComponent(id)}`);
  }

  /** Add one file to the library: the answer is a job. */
  postTrack(file: File): Observable<Progress<Job>> {
    const form = new FormData();
    form.append('file', file, file.name);
    return this.upload<Job>(`${API}/tracks`, form, file.size, {});
  }

  private upload<T>(
    url: string,
    form: FormData,
    size: number,
    headers: Record<string, string>,
    attempts = ATTEMPTS,
  ): Observable<Progress<T>> {
    return this.http.post<T>(url, form, { headers, reportProgress: true, observe: 'events' }).pipe(
      map((event) => progressOf<T>(event, size)),
      filter((progress) => progress !== null),
      catchError((error: unknown) => {
        const wait = troubleOf(error).retryAfter_s;
        if (!wait || attempts <= 1) return throwError(() => error);
        return new Observable<Progress<T>>((observer) => {
          observer.next({ kind: 'waiting', seconds: wait });
          return timer(wait * 1000)
            .pipe(switchMap(() => this.upload<T>(url, form, size, headers, attempts - 1)))
            .subscribe(observer);
        });
      }),
    );
  }

  deleteTag(id: string): Observable<unknown> {
    return this.http.delete(`${API}/tags/${encodeURIComponent(id)}`);
  }

  editTrack(id: string, edit: Partial<TrackEdit>): Observable<Track> {
    return this.http.patch<Track>(`${API}/tracks/${encodeURIComponent(id)}`, edit);
  }

  deleteTrack(id: string): Observable<unknown> {
    return this.http.delete(`${API}/tracks/${encodeURIComponent(id)}`);
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
