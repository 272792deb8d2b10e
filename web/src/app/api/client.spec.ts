import { HttpErrorResponse, HttpHeaders, provideHttpClient } from '@angular/common/http';
import { HttpTestingController, provideHttpClientTesting } from '@angular/common/http/testing';
import { TestBed } from '@angular/core/testing';

import { tag } from '../testing';
import { Api, type Progress, randomKey } from './client';
import { sentence, troubleOf } from './problem';
import type { Job, Tag } from './types';

const busy = {
  type: '/problems/busy',
  name: 'busy',
  title: 'Busy',
  status: 503,
  detail: 'the queue is full',
  instance: '',
  request_id: '',
};

describe('Api', () => {
  let api: Api;
  let server: HttpTestingController;

  beforeEach(() => {
    TestBed.configureTestingModule({ providers: [provideHttpClient(), provideHttpClientTesting()] });
    api = TestBed.inject(Api);
    server = TestBed.inject(HttpTestingController);
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    server.verify();
  });

  it('posts a snippet under its field and key, and asks again when the service is busy', () => {
    const seen: Progress<Tag>[] = [];
    api.postSnippet(new Blob(['x']), 'snippet.webm', 'k').subscribe((progress) => seen.push(progress));
    const first = server.expectOne('/api/v1/tags');
    expect((first.request.body as FormData).has('snippet')).toBe(true);
    first.flush(busy, { status: 503, statusText: 'busy', headers: { 'Retry-After': '2' } });
    expect(seen).toEqual([{ kind: 'waiting', seconds: 2 }]);
    vi.advanceTimersByTime(1900);
    server.expectNone('/api/v1/tags');
    vi.advanceTimersByTime(200);
    const second = server.expectOne('/api/v1/tags');
    expect(second.request.headers.get('Idempotency-Key')).toBe('k');
    second.flush(tag());
    expect(seen.at(-1)).toEqual({ kind: 'answer', answer: tag() });
  });

  it('gives up on a service that stays busy', () => {
    let failed: unknown;
    api.postSnippet(new Blob(['x']), 'a.wav', 'k').subscribe({ error: (error: unknown) => (failed = error) });
    for (let attempt = 0; attempt < 4; attempt++) {
      server
        .expectOne('/api/v1/tags')
        .flush(busy, { status: 503, statusText: 'busy', headers: { 'Retry-After': '2' } });
      vi.advanceTimersByTime(2000);
    }
    expect(troubleOf(failed)).toMatchObject({ name: 'busy', passing: true });
  });

  it('does not repeat what will fail again', () => {
    let failed: unknown;
    api.postSnippet(new Blob(['x']), 'a.wav', 'k').subscribe({ error: (error: unknown) => (failed = error) });
    server.expectOne('/api/v1/tags').flush({ ...busy, name: 'snippet_silent' }, { status: 422, statusText: 'no' });
    expect(troubleOf(failed).passing).toBeUndefined();
  });

  it('polls a job where server-sent events do not get through', () => {
    class Broken {
      onerror: (() => void) | null = null;
      constructor() {
        setTimeout(() => this.onerror?.(), 1);
      }
      addEventListener(): void {}
      close(): void {}
    }
    vi.stubGlobal('EventSource', Broken);
    const states: string[] = [];
    let completed = false;
    api.watchJob('j').subscribe({ next: (job) => states.push(job.status), complete: () => (completed = true) });
    vi.advanceTimersByTime(2);
    server.expectOne('/api/v1/jobs/j').flush({ status: 'running' } as Job);
    vi.advanceTimersByTime(1000);
    server.expectOne('/api/v1/jobs/j').flush({ status: 'done' } as Job);
    expect(states).toEqual(['running', 'done']);
    expect(completed).toBe(true);
  });
});

describe('troubleOf', () => {
  it('says a problem document in the words of the page', () => {
    const error = new HttpErrorResponse({ status: 503, error: busy, headers: new HttpHeaders({ 'Retry-After': '2' }) });
    expect(troubleOf(error)).toEqual({
      name: 'busy',
      title: 'Earmark is busy',
      detail: 'Many recordings are being compared. Try again in a moment.',
      more: '/problems/busy',
      retryAfter_s: 2,
      passing: true,
    });
  });

  it('keeps the sentence of the service where that names the remedy', () => {
    const short = { ...busy, name: 'snippet_too_short', detail: 'snippet has 0.4 s of sound: record longer' };
    expect(troubleOf(new HttpErrorResponse({ status: 422, error: short }))).toMatchObject({
      title: 'That was too short',
      detail: 'Snippet has 0.4 s of sound: record longer.',
    });
  });

  it('names the fields that did not pass, not what the checker said of them', () => {
    const errors = [{ location: 'json', field: 'title', message: 'String should have at least 1 character' }];
    const wrong = { ...busy, name: 'invalid_parameter', detail: `title: ${errors[0]!.message}`, errors };
    const trouble = troubleOf(new HttpErrorResponse({ status: 422, error: wrong }));
    expect(trouble).toMatchObject({ title: 'Please check what you entered', detail: 'Look at: title.' });
  });

  it('lets a newer service speak for itself', () => {
    const error = new HttpErrorResponse({ status: 422, error: { ...busy, name: 'new_kind', title: 'New.' } });
    expect(troubleOf(error)).toMatchObject({ title: 'New.', detail: 'The queue is full.' });
  });

  it('has words for no answer, for an answer of something else, and for a fault of the page', () => {
    expect(troubleOf(new HttpErrorResponse({ status: 0 })).name).toBe('offline');
    expect(troubleOf(new HttpErrorResponse({ status: 502, error: '<html>' })).name).toBe('offline');
    expect(troubleOf(new HttpErrorResponse({ status: 418, error: '<html>' })).detail).toContain('418');
    expect(troubleOf(new Error('x')).name).toBe('page_error');
  });

  it('makes sentences', () => {
    expect([sentence('too short'), sentence('Really?'), sentence(' ')]).toEqual(['Too short.', 'Really?', '']);
  });
});

it('draws keys of 128 bits', () => {
  expect(randomKey()).toMatch(/^[0-9a-f]{32}$/);
  expect(randomKey()).not.toBe(randomKey());
});
