import { ChangeDetectionStrategy, Component, effect, inject, untracked } from '@angular/core';
import { RouterLink } from '@angular/router';

import { BatchOfRecordings } from '../capture/batch';
import { ToTag } from '../capture/to-tag';
import { titles, VERDICT_ICONS } from '../capture/verdict';
import { bytes, clock, percent } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';

/** Many recordings, tagged one after the other. */
@Component({
  selector: 'em-batch',
  imports: [Icon, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <div class="list-view">
      <div class="section-head">
        <h1>Recordings</h1>
        <label class="button file-button">
          <em-icon name="upload" />
          Add recordings
          <input
            type="file"
            multiple
            class="visually-hidden"
            accept="audio/*,video/mp4,video/webm,video/3gpp,.amr,.3gp,.caf,.m4a,.opus"
            (change)="choose($event)"
          />
        </label>
      </div>
      @if (batch.items().length) {
        <div class="section-head">
          <p role="status">{{ batch.summary() }}</p>
          <div class="actions">
            @if (batch.busy() || batch.waiting()) {
              <button type="button" class="button small" (click)="batch.busy() ? batch.stop() : batch.pump()">
                {{ batch.busy() ? 'Stop' : 'Go on' }}
              </button>
            }
            @if (batch.tagged().length) {
              <button type="button" class="button small" (click)="batch.save('csv')">CSV</button>
              <button type="button" class="button small" (click)="batch.save('json')">JSON</button>
            }
            @if (!batch.busy() && batch.finished()) {
              <button type="button" class="button small quiet" (click)="batch.clear()">Clear finished</button>
            }
          </div>
        </div>
        <progress [value]="batch.finished()" [max]="batch.items().length" aria-label="Recordings tagged"></progress>
        @if (batch.trouble(); as trouble) {
          <em-trouble [trouble]="trouble" />
        }
        <ul class="rows">
          @for (item of batch.items(); track item.number) {
            <li [attr.data-state]="item.state">
              @if (item.tag; as tag) {
                <a class="row" [routerLink]="['/tags', tag.id]">
                  <span class="verdict-badge" [attr.data-verdict]="tag.verdict"
                    ><em-icon [name]="icons[tag.verdict]"
                  /></span>
                  <span class="row-main">
                    <span class="row-title" dir="auto">{{ titles(tag) }}</span>
                    <span class="row-sub" dir="auto">{{ item.file.name }}</span>
                  </span>
                  @if (tag.verdict === 'identified' && tag.matches[0]; as match) {
                    <span class="row-side">
                      <span>{{ match.offset_s === null ? '' : clock(match.offset_s) }}</span>
                      <span>{{ match.confidence === null ? '' : percent(match.confidence) }}</span>
                    </span>
                  }
                </a>
              } @else {
                <div class="row">
                  <span class="row-main">
                    <span class="row-title" dir="auto">{{ item.file.name }}</span>
                    <span class="row-sub">
                      @switch (item.state) {
                        @case ('failed') {
                          <em-icon name="alert" /> {{ item.trouble!.title }}. {{ item.trouble!.detail }}
                        }
                        @case ('sending') {
                          Sending and comparing …
                        }
                        @default {
                          Waiting · {{ bytes(item.file.size) }}
                        }
                      }
                    </span>
                  </span>
                  @if (item.trouble?.passing) {
                    <button type="button" class="button small" (click)="batch.retry(item)">
                      Try again<span class="visually-hidden">: {{ item.file.name }}</span>
                    </button>
                  }
                </div>
              }
            </li>
          }
        </ul>
      } @else {
        <div class="empty"><p>Add recordings, or drop them anywhere on this page: each is tagged in turn.</p></div>
      }
    </div>
  `,
})
export class Batch {
  protected readonly batch = inject(BatchOfRecordings);
  private readonly toTag = inject(ToTag);

  constructor() {
    effect(() => {
      const files = this.toTag.files();
      if (!files.length) return;
      untracked(() => this.batch.add(files));
      this.toTag.files.set([]);
    });
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    this.batch.add([...(input.files ?? [])]);
    input.value = '';
  }

  protected readonly bytes = bytes;
  protected readonly clock = clock;
  protected readonly icons = VERDICT_ICONS;
  protected readonly percent = percent;
  protected readonly titles = titles;
}
