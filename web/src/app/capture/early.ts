import { firstValueFrom } from 'rxjs';

import type { Api, ListenHow } from '../api/client';
import type { Match, Tag } from '../api/types';

/** What an early verdict tells whoever records. */
export interface Hearing {
  perhaps(match: Match | null): void;
  named(tag: Tag): void;
}

/**
 * Sends a recording piece by piece while it is made, and says as soon as the service has named it. It only ever saves
 * time: whatever fails ends it without a word, and the whole recording is sent as if it had never been. Where the sound
 * is to stay here, it sends signatures, each of all sound so far; with a `rate`, pieces are bare samples.
 */
export class Early {
  private readonly listen: Promise<string | null>;
  private sending: Promise<void> = Promise.resolve();
  private next = 0;
  private over = false;

  constructor(
    private readonly api: Api,
    private readonly hearing: Hearing,
    private readonly sign: (() => Promise<Blob>) | null = null,
    rate?: number,
  ) {
    const how: ListenHow = sign ? { signatures: true } : rate ? { rate } : {};
    this.listen = firstValueFrom(api.beginListen(how)).then(
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

  /** Signature of all sound so far; null while there is too little, or a beginning that cannot be decoded yet. */
  private async signed(): Promise<Blob | null> {
    return this.sign!().catch(() => null);
  }

  private async send(piece: Blob): Promise<void> {
    const id = await this.listen;
    if (this.over || id === null || piece.size === 0) return;
    const body = this.sign ? await this.signed() : piece;
    if (this.over || body === null) return;
    const answer = await firstValueFrom(this.api.postPiece(id, this.next++, body));
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
