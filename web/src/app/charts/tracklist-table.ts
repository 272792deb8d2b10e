import { ChangeDetectionStrategy, Component, computed, input, linkedSignal } from '@angular/core';

import type { Segment } from '../api/types';
import { segmentName, sureWords } from '../tracklists/segments';
import { cellWords, tasksOf } from '../tracklists/sounds';
import { clock, fixed, speedWords } from '../ui/format';

/** Rows that are shown at a time: of a whole night, browsers lay a table out for long. */
const PAGE = 100;

/** The figures of a tracklist's timeline. */
@Component({
  selector: 'em-tracklist-table',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (pages().length > 1) {
      <label class="filter">
        <span>Rows</span>
        <select (change)="choose($event)">
          @for (page of pages(); track page.from) {
            <option [value]="page.from" [selected]="page.from === from()">{{ page.words }}</option>
          }
        </select>
      </label>
    }
    <table>
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col" class="number">From</th>
          <th scope="col" class="number">To</th>
          <th scope="col" class="number">From, ± s</th>
          <th scope="col" class="number">Place in the track</th>
          <th scope="col">Speed</th>
          <th scope="col">How sure</th>
          @for (task of tasks(); track task) {
            <th scope="col">Sound: {{ task }}</th>
          }
        </tr>
      </thead>
      <tbody>
        @for (row of rows(); track $index) {
          <tr>
            <th scope="row">{{ row.name }}</th>
            @for (figure of row.figures; track $index) {
              <td class="number">{{ figure }}</td>
            }
            @for (words of row.words; track $index) {
              <td dir="auto">{{ words }}</td>
            }
          </tr>
        }
      </tbody>
    </table>
  `,
})
export class TracklistTable {
  readonly segments = input.required<readonly Segment[]>();
  /** A second list, to compare: the first is A then, this one B. */
  readonly beneath = input<readonly Segment[]>([]);

  protected readonly tasks = computed(() => tasksOf([...this.segments(), ...this.beneath()]));
  private readonly all = computed(() => {
    const rows = (list: readonly Segment[], letter: string) =>
      list.map((segment) => ({
        name: (this.beneath().length ? `${letter}: ` : '') + segmentName(segment),
        figures: [
          clock(segment.start_s, 1),
          clock(segment.end_s, 1),
          fixed(segment.start_uncertainty_s, 1),
          segment.offset_s === null ? '–' : clock(segment.offset_s, 1),
        ],
        words: [
          segment.speed === null ? '–' : speedWords(segment.speed),
          sureWords(segment),
          ...this.tasks().map((task) => cellWords(segment, task)),
        ],
      }));
    return [...rows(this.segments(), 'A'), ...rows(this.beneath(), 'B')];
  });
  /** First row that is shown. */
  protected readonly from = linkedSignal({ source: () => this.all().length, computation: () => 0 });
  protected readonly rows = computed(() => this.all().slice(this.from(), this.from() + PAGE));
  protected readonly pages = computed(() => {
    const total = this.all().length;
    return Array.from({ length: Math.ceil(total / PAGE) }, (_, page) => {
      const from = page * PAGE;
      return { from, words: `${from + 1} to ${Math.min(from + PAGE, total)} of ${total}` };
    });
  });

  protected choose(event: Event): void {
    this.from.set(Number((event.target as HTMLSelectElement).value));
  }
}
