import { Injectable } from '@angular/core';

import type { Tag } from '../api/types';

const MOST = 20;
/** Recordings are larger. */
const MOST_RECORDINGS = 3;

/** What a tag was made of, while this page lasts. */
export interface Recording {
  readonly content: Blob;
  readonly name: string;
}

/** Tags that this page has just received, so that showing them costs no second request; with the last recordings. */
@Injectable({ providedIn: 'root' })
export class TagCache {
  private readonly tags = new Map<string, Tag>();
  private readonly recordings = new Map<string, Recording>();

  put(tag: Tag, recording: Recording | null): void {
    keep(this.tags, tag.id, tag, MOST);
    if (recording) keep(this.recordings, tag.id, recording, MOST_RECORDINGS);
  }

  recording(id: string): Recording | undefined {
    return this.recordings.get(id);
  }

  get(id: string): Tag | undefined {
    return this.tags.get(id);
  }

  drop(id: string): void {
    this.tags.delete(id);
    this.recordings.delete(id);
  }
}

/** Put it in, and let the oldest go where there are too many. */
function keep<T>(map: Map<string, T>, id: string, value: T, most: number): void {
  map.set(id, value);
  if (map.size > most) map.delete(map.keys().next().value!);
}
