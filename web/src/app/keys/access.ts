import { HttpClient } from '@angular/common/http';
import { inject, Injectable } from '@angular/core';
import type { Observable } from 'rxjs';

import { API } from '../api/client';
import type { KeyCreate, KeyMade, WebhookCreate, WebhookMade, WebhookTested } from '../api/types';

/** What administrators change about keys and webhooks. */
@Injectable({ providedIn: 'root' })
export class Access {
  private readonly http = inject(HttpClient);

  createKey(wanted: KeyCreate): Observable<KeyMade> {
    return this.http.post<KeyMade>(`${API}/keys`, wanted);
  }

  revokeKey(id: string): Observable<unknown> {
    return this.http.delete(`${API}/keys/${encodeURIComponent(id)}`);
  }

  createWebhook(wanted: WebhookCreate): Observable<WebhookMade> {
    return this.http.post<WebhookMade>(`${API}/webhooks`, wanted);
  }

  testWebhook(id: string): Observable<WebhookTested> {
    return this.http.post<WebhookTested>(`${API}/webhooks/${encodeURIComponent(id)}/test`, null);
  }
}
