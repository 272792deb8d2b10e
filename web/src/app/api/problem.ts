import { HttpErrorResponse } from '@angular/common/http';

import type { JobError, ProblemDocument } from './types';
import { wordsFor } from './words';

/** What went wrong, fit to be shown. */
export interface Trouble {
  /** Stable name: of the problem document, or of one of the page's own troubles. */
  readonly name: string;
  readonly title: string;
  readonly detail: string;
  /** Whether the same request may succeed later. */
  readonly passing?: boolean;
  /** Page of the service that explains the trouble. */
  readonly more?: string;
  /** Seconds after which the service asks to be tried again. */
  readonly retryAfter_s?: number;
}

/** The service, or a part of this page that it holds, cannot be reached. */
export const OFFLINE: Trouble = {
  name: 'offline',
  title: 'The service does not answer',
  detail: 'Check the connection, and that Earmark is still running.',
  passing: true,
};

/** What a proxy answers for a service that is not there. */
const GATEWAY = [502, 503, 504];

/** Turn whatever a request failed with into words: the page's own for every problem document (RFC 9457). */
export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof HttpErrorResponse)) {
    return { name: 'page_error', title: 'Something went wrong on this page', detail: String(error) };
  }
  const problem = documentOf(error.error);
  if (error.status === 0 || (!problem && GATEWAY.includes(error.status))) return OFFLINE;
  const retryAfter = Number(error.headers.get('Retry-After'));
  const retry = {
    ...(retryAfter > 0 && { retryAfter_s: retryAfter }),
    ...((error.status >= 500 || error.status === 408 || error.status === 409 || error.status === 429) && {
      passing: true,
    }),
  };
  if (problem) {
    const more = problem.type.startsWith('/problems/') ? { more: problem.type } : {};
    return { name: problem.name, ...said(problem), ...more, ...retry };
  }
  return {
    name: `http_${error.status}`,
    title: 'The service refused',
    detail: `It answered with status ${error.status}.`,
    ...retry,
  };
}

/** Whether a request failed because what it named is not there (any more). */
export function isGone(error: unknown): boolean {
  return error instanceof HttpErrorResponse && error.status === 404;
}

function said(problem: ProblemDocument): { title: string; detail: string } {
  const words = wordsFor(problem.name);
  const fields = problem.errors?.map((error) => error.field) ?? [];
  const detail = words?.detail ?? (fields.length ? `Look at: ${fields.join(', ')}.` : sentence(problem.detail));
  return { title: words?.title ?? problem.title, detail };
}

/** Why a job failed, in the page's own words where it has them: one or two sentences. */
export function jobErrorWords(error: JobError | null, otherwise: string): string {
  const words = wordsFor(error?.name ?? '');
  const said = [words?.title ?? otherwise, words?.detail ?? error?.message ?? ''];
  return said.map(sentence).filter(Boolean).join(' ');
}

function documentOf(body: unknown): ProblemDocument | null {
  let value = body;
  if (typeof value === 'string') {
    try {
      value = JSON.parse(value);
    } catch {
      return null;
    }
  }
  return typeof value === 'object' && value !== null && 'detail' in value && 'name' in value
    ? (value as ProblemDocument)
    : null;
}

/** `snippet has 0.6 s` → `Snippet has 0.6 s.` */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (!trimmed) return '';
  return trimmed[0]!.toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? '' : '.');
}
