import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import { API } from '../api/client';
import { optional } from '../api/key';
import { isGone } from '../api/problem';
import type { Match, Track } from '../api/types';
import { clock, moment } from '../ui/format';
import { elementWidth } from '../ui/width';
import { stretch, timeline } from './timeline';

/** The track's length with the stretch that was heard and the other places that fit as well. */
@Component({
  selector: 'em-track-line',
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './track-line.html',
})
export class TrackLine {
  readonly match = input.required<Match>();
  readonly snippet_s = input.required<number>();
  /** Whether to say what tells it from other copies: file, length, when it was added. */
  readonly copy = input(false);

  protected readonly track = httpResource<Track>(() => ({
    url: `${API}/tracks/${encodeURIComponent(this.match().track_id)}`,
    context: optional(),
  }));
  protected readonly known = computed(() => (this.track.hasValue() ? this.track.value() : null));
  protected readonly gone = computed(() => isGone(this.track.error()));
  protected readonly viewWidth = elementWidth();
  protected readonly viewHeight = 74;
  protected readonly heard = computed(() => stretch(this.match(), this.snippet_s()));
  protected readonly drawn = computed(() => {
    const length = this.length_s();
    return length === null ? null : timeline(length, this.heard(), this.match().other_offsets_s, this.viewWidth());
  });
  protected readonly length_s = computed(() => this.known()?.duration_s ?? null);
  protected readonly summary = computed(() => {
    const length = this.length_s();
    const heard = this.heard();
    if (length === null || !heard) return '';
    const others = this.match().other_offsets_s.map((offset) => clock(offset));
    const also = others.length ? `; it fits as well at ${others.join(', ')}` : '';
    return `Heard from ${clock(heard[0])} to ${clock(heard[1])} of a track of ${clock(length)}${also}.`;
  });
  protected readonly clock = clock;
  protected readonly moment = (created: string) => moment(new Date(created));
}
