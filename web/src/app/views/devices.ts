import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, signal } from '@angular/core';
import { RouterLink } from '@angular/router';

import { API } from '../api/client';
import { troubleOf } from '../api/problem';
import type { Devices } from '../api/types';
import { VERDICT_WORDS } from '../capture/verdict';
import { count, moment } from '../ui/format';
import { TroubleNote } from '../ui/trouble-note';

const PAGE = 20;

/** Devices that gave their name with what they recorded: how much, when last, with which verdicts. */
@Component({
  selector: 'em-devices',
  imports: [RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @if (trouble(); as trouble) {
      <em-trouble [trouble]="trouble" retry="Try again" (again)="resource.reload()" />
    } @else if (rows().length) {
      <div class="table-scroll" tabindex="0" role="region" aria-label="Devices, table">
        <table>
          <thead>
            <tr>
              <th scope="col">Device</th>
              <th scope="col" class="number">Tags</th>
              <th scope="col">Latest</th>
              @for (verdict of verdicts; track verdict) {
                <th scope="col" class="number">{{ words[verdict] }}</th>
              }
            </tr>
          </thead>
          <tbody>
            @for (row of rows(); track row.device) {
              <tr>
                <th scope="row">
                  <a routerLink="/history" [queryParams]="{ device: row.device }" dir="auto">{{ row.device }}</a>
                </th>
                <td class="number">{{ count(row.tags) }}</td>
                <td>
                  <time [attr.datetime]="row.latest">{{ moment(row.latest) }}</time>
                </td>
                @for (verdict of verdicts; track verdict) {
                  <td class="number">{{ share(row.verdicts[verdict], row.tags) }}</td>
                }
              </tr>
            }
          </tbody>
        </table>
      </div>
    } @else if (resource.hasValue()) {
      <p>No device has given its name: apps send it with each recording, as <code>device</code>.</p>
    } @else {
      <p>Asking…</p>
    }
    @if (next() || cursor()) {
      <p class="actions">
        @if (cursor()) {
          <button type="button" class="button small" (click)="cursor.set('')">First devices</button>
        }
        @if (next(); as next) {
          <button type="button" class="button small" (click)="cursor.set(next)">More devices</button>
        }
      </p>
    }
  `,
})
export class DevicesTable {
  protected readonly cursor = signal('');
  protected readonly resource = httpResource<Devices>(() => ({
    url: `${API}/tags/devices`,
    params: { limit: PAGE, ...(this.cursor() && { cursor: this.cursor() }) },
  }));
  private readonly answer = computed(() => (this.resource.hasValue() ? this.resource.value() : null));
  protected readonly rows = computed(() => this.answer()?.devices ?? []);
  protected readonly next = computed(() => this.answer()?.next ?? '');
  protected readonly trouble = computed(() => (this.resource.error() ? troubleOf(this.resource.error()) : null));

  protected readonly words = VERDICT_WORDS;
  protected readonly verdicts = ['identified', 'ambiguous', 'no_match'] as const;
  protected readonly count = count;
  protected readonly moment = (made: string) => moment(new Date(made));
  protected readonly share = (some: number, all: number) => `${Math.round((100 * some) / all)}\u202f%`;
}
