import { ChangeDetectionStrategy, Component, inject } from '@angular/core';

import { moment } from '../ui/format';
import { TagRow } from '../views/tag-row';
import { Waiting } from './waiting';

/** Recordings that wait for a connection, and those that have just been identified. */
@Component({
  selector: 'em-waiting',
  imports: [TagRow],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (waiting.recordings().length || waiting.identified().length) {
      <section class="recent" aria-labelledby="waiting-heading">
        <div class="section-head">
          <h2 id="waiting-heading">Kept recordings</h2>
          @if (waiting.recordings().length) {
            <button
              type="button"
              class="button small"
              [attr.aria-disabled]="waiting.working() ? true : null"
              (click)="waiting.identifyAll()"
            >
              {{ waiting.working() ? 'Identifying' : 'Identify now' }}
            </button>
          }
        </div>
        <ul class="rows">
          @for (recording of waiting.recordings(); track recording.id) {
            <li class="kept">
              <span class="row-main">
                <span class="row-title">
                  Recorded <time [attr.datetime]="recording.made">{{ time(recording.made) }}</time>
                </span>
                <span class="row-sub">{{ recording.trouble?.title ?? 'Waiting on this device for a connection' }}</span>
              </span>
              <button
                type="button"
                class="button small"
                [attr.aria-label]="'Delete the recording of ' + time(recording.made)"
                (click)="waiting.forget(recording.id)"
              >
                Delete
              </button>
            </li>
          }
          @for (tag of waiting.identified(); track tag.id) {
            <li><em-tag-row [tag]="tag" /></li>
          }
        </ul>
      </section>
    }
  `,
})
export class WaitingList {
  protected readonly waiting = inject(Waiting);

  protected time(made: string): string {
    return moment(new Date(made));
  }
}
