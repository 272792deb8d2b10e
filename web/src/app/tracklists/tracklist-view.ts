import { HttpClient, httpResource } from '@angular/common/http';
import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  ElementRef,
  inject,
  input,
  linkedSignal,
  signal,
  viewChild,
} from '@angular/core';
import { Title } from '@angular/platform-browser';
import { Router, RouterLink } from '@angular/router';

import { Api, API } from '../api/client';
import { Me } from '../api/me';
import { jobErrorWords, troubleOf, type Trouble } from '../api/problem';
import type { ExportFormat, Segment, Tracklist } from '../api/types';
import { remarkSentences } from '../capture/verdict';
import { TracklistChartView } from '../charts/tracklist-chart';
import { moment } from '../ui/format';
import { gradually } from '../ui/gradually';
import { Icon } from '../ui/icon';
import { saveAs } from '../ui/save';
import { TroubleNote } from '../ui/trouble-note';
import { Undo } from '../ui/undo';
import { SegmentEditor } from './segment-editor';
import { soundWords } from './sounds';
import { asCorrected, EXPORTS, segmentName, span, statusWords, sureWords } from './segments';

const LOOK_MS = 3000;
/** Rows that are added with one picture. */
const STEP = 20;

/** One long recording: what sounded when, how sure that is, and what a person set right. */
@Component({
  selector: 'em-tracklist-view',
  imports: [Icon, RouterLink, SegmentEditor, TracklistChartView, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './tracklist-view.html',
})
export class TracklistView {
  private readonly http = inject(HttpClient);
  private readonly api = inject(Api);
  private readonly router = inject(Router);
  private readonly undo = inject(Undo);
  private readonly element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  protected readonly me = inject(Me);
  private readonly editor = viewChild(SegmentEditor);

  /** From the address. */
  readonly id = input.required<string>();

  private readonly resource = httpResource<Tracklist>(() => this.url());
  /** What arrived last stays while it is asked for again. */
  protected readonly tracklist = linkedSignal<
    { readonly id: string; readonly value: Tracklist | undefined },
    Tracklist | undefined
  >({
    source: () => ({ id: this.id(), value: this.resource.hasValue() ? this.resource.value() : undefined }),
    computation: ({ id, value }, previous) => value ?? (previous?.source.id === id ? previous.value : undefined),
  });
  private readonly words = computed(() =>
    (this.tracklist()?.segments ?? []).map((segment) => ({
      segment,
      name: segmentName(segment),
      span: span(segment),
      sure: sureWords(segment),
      sounds: soundWords(segment),
    })),
  );
  protected readonly rows = gradually(this.words, STEP);
  protected readonly failure = computed(() => (this.resource.error() ? troubleOf(this.resource.error()) : null));
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly active = signal<string | null>(null);
  protected readonly failed = computed(() => {
    const found = this.tracklist();
    return found?.status === 'failed' ? jobErrorWords(found.error, 'It could not be listened to') : '';
  });
  protected readonly formats = (Object.keys(EXPORTS) as ExportFormat[]).map((format) => ({
    format,
    name: EXPORTS[format].name,
  }));

  constructor() {
    const title = inject(Title);
    effect(() => {
      const found = this.tracklist();
      if (found) title.setTitle(`${found.monitor || found.file} · Earmark`);
    });
    const timer = setInterval(() => {
      if (this.tracklist()?.status === 'running') this.resource.reload();
    }, LOOK_MS);
    inject(DestroyRef).onDestroy(() => clearInterval(timer));
  }

  protected reload(): void {
    this.resource.reload();
  }

  /** From the timeline to the row of a segment. */
  protected show(segment: Segment): void {
    this.active.set(segment.id);
    const row = this.element.querySelector<HTMLElement>(`[data-segment="${CSS.escape(segment.id)}"]`);
    row?.scrollIntoView({ block: 'center' });
    row?.focus({ preventScroll: true });
  }

  protected correct(segment: Segment): void {
    this.active.set(segment.id);
    this.editor()?.open(segment);
  }

  /** Take back what a person set: what was found stands again. */
  protected takeBack(segment: Segment): void {
    this.trouble.set(null);
    this.api.editSegment(this.id(), segment.id, { by_hand: false }).subscribe({
      next: () => this.changed(segment, 'is as it was found'),
      error: (error: unknown) => this.trouble.set(troubleOf(error)),
    });
  }

  /** A segment is other than it was; that can be had again. */
  protected changed(before: Segment, how = 'is corrected'): void {
    const id = this.id();
    const edit = before.by_hand ? asCorrected(before) : { by_hand: false as const };
    this.undo.done(
      `${span(before)}, ${segmentName(before)}, ${how}.`,
      () => this.api.editSegment(id, before.id, edit),
      () => this.resource.reload(),
    );
    this.resource.reload();
  }

  protected exportUrl(format: ExportFormat): string {
    return `${this.url()}/export?format=${format}`;
  }

  /** Fetched by the page rather than the browser: that sends the key, and a refusal is said in words. */
  protected save(event: Event, format: ExportFormat): void {
    event.preventDefault();
    this.trouble.set(null);
    this.http.get(this.exportUrl(format), { responseType: 'text' }).subscribe({
      next: (text) => {
        const base = (this.tracklist()?.file ?? '')
          .replace(/\.[^.]*$/, '')
          .replace(/[/\\:]+/g, ' ')
          .trim();
        saveAs(new Blob([text], { type: 'text/plain' }), `${base || 'tracklist'}.${EXPORTS[format].ending}`);
      },
      error: (error: unknown) => this.trouble.set(troubleOf(error)),
    });
  }

  protected async delete(): Promise<void> {
    const [found, url] = [this.tracklist(), this.url()];
    await this.router.navigate(['/tracklists']);
    this.undo.remove(`The tracklist of “${found?.file}” is deleted.`, [url]);
  }

  private url(): string {
    return `${API}/tracklists/${encodeURIComponent(this.id())}`;
  }

  protected readonly remarkSentences = remarkSentences;
  protected readonly moment = (created: string) => moment(new Date(created));
  protected readonly statusWords = statusWords;
}
