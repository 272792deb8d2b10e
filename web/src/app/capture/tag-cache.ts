import { Injectable } from '@angular/core';

import type { Tag } from '../api/types';

const MOST = 20;

/** Tags that this page has just received, so that showing them costs no second request. */
@Injectable({ providedIn: 'root' })
export class TagCache {
  private readonly tags = new Map<string, Tag>();

  put(tag: Tag): void {
    this.tags.set(tag.id, tag);
    if (this.tags.size > MOST) this.tags.delete(this.tags.keys().next().value!);
  }

  get(id: string): Tag | undefined {
    return this.tags.get(id);
  }

  drop(id: string): void {
    this.tags.delete(id);
  }
}
