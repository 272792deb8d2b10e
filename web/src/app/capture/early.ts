import { firstValueFrom } from 'rxjs';

import type { Api } from '../api/client';
import type { Match, Tag } from '../api/types';

/** What an early verdict tells whoever records. */
export interface Hearing {
  perhaps(match: Match | null): void;
  named(tag: Tag): void;
}

/**
 * Sends a recording piece by piece while it is made, and says as soon as the service has named it. It only ever saves
 * time: whatever fails ends it without a word, and the whole recording is sent as if it had never been.
 */
export class Early {
  private readonly listen: Promise<string | null>;
  private sending: Promise<void> = Promise.resolve();
  private next = 0;
  private over = false;

  constructor(
    private readonly api: Api,
    private readonly hearing: Hearing,
  ) {
    this.listen = firstValueFrom(api.beginListen()).then(
      (listen) => listen.id,
      () => null,
    );
  }

  /** Send the next piece, after those before it. */
  add(piece: Blob): void {
    this.sending = this.sending.then(() => this.send(piece)).catch(() => this.close());
  }

  /** No more is wanted: the service forgets what it has heard. */
  close(): void {
    if (this.over) return;
    this.over = true;
    void this.listen.then((id) => id && this.api.deleteListen(id).subscribe({ error: () => undefined }));
  }

  private async send(piece: Blob): Promise<void> {
    const id = await this.listen;
    if (this.over || id === null || piece.size === 0) return;
    const answer = await firstValueFrom(this.api.postPiece(id, this.next++, piece));
    if (this.over) return;
    if (answer.tag?.verdict === 'identified') {
      this.over = true;
      this.hearing.named(answer.tag);
    } else if (answer.ended) {
      this.over = true;
    } else {
      this.hearing.perhaps(answer.perhaps);
    }
  }
}
