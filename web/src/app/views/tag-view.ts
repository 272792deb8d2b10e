import { NgTemplateOutlet } from '@angular/common';
import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, effect, inject, input, signal } from '@angular/core';
import { Title } from '@angular/platform-browser';
import { Router, RouterLink } from '@angular/router';

import { API } from '../api/client';
import { Me } from '../api/me';
import { troubleOf } from '../api/problem';
import type { Charts, Tag } from '../api/types';
import { CapturePanel } from '../capture/capture-panel';
import { TagLabels } from '../labels/tag-labels';
import { TagCache } from '../capture/tag-cache';
import { chosen, titles, verdictSentence } from '../capture/verdict';
import { AgreementChartView } from '../charts/agreement-chart';
import { DivergenceChartView } from '../charts/divergence-chart';
import { EllipsesChart } from '../charts/ellipses-chart';
import { NearestChartView } from '../charts/nearest-chart';
import { StripeChart } from '../charts/stripe-chart';
import { TimingsChart } from '../charts/timings-chart';
import { Announcer } from '../ui/announcer';
import { Icon } from '../ui/icon';
import { moment } from '../ui/format';
import { TroubleNote } from '../ui/trouble-note';
import { Undo } from '../ui/undo';
import { Candidates } from './candidates';
import { SnippetSound } from './snippet-sound';
import { VerdictCard } from './verdict-card';

/** One tag: the verdict, and what it rests on. */
@Component({
  selector: 'em-tag-view',
  imports: [
    AgreementChartView,
    Candidates,
    CapturePanel,
    DivergenceChartView,
    EllipsesChart,
    Icon,
    NearestChartView,
    NgTemplateOutlet,
    RouterLink,
    SnippetSound,
    StripeChart,
    TagLabels,
    TimingsChart,
    TroubleNote,
    VerdictCard,
  ],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './tag-view.html',
})
export class TagView {
  private readonly undo = inject(Undo);
  private readonly cache = inject(TagCache);
  private readonly router = inject(Router);
  private readonly announcer = inject(Announcer);
  protected readonly me = inject(Me);

  /** From the address. */
  readonly id = input.required<string>();

  private readonly cached = computed(() => this.cache.get(this.id()));
  private readonly fetched = httpResource<Tag>(() => (this.cached() ? undefined : this.url()));
  protected readonly charts = httpResource<Charts>(() => `${this.url()}/charts`);

  protected readonly tag = computed(
    () => this.cached() ?? (this.fetched.hasValue() ? this.fetched.value() : undefined),
  );
  protected readonly failure = computed(() => (this.fetched.error() ? troubleOf(this.fetched.error()) : null));
  protected readonly copied = signal(false);
  /** On a phone the reasons are folded: first the answer. */
  protected readonly narrow = typeof matchMedia === 'function' && matchMedia('(max-width: 719px)').matches;
  protected readonly canShare = typeof navigator.share === 'function';
  protected readonly canCopy = typeof navigator.clipboard !== 'undefined';

  protected readonly created = computed(() => moment(new Date(this.tag()?.created ?? 0)));
  protected readonly alignment = computed(() => (this.charts.hasValue() ? this.charts.value().alignment : null));
  private readonly drawn = computed(() => (this.charts.hasValue() ? this.charts.value() : null));
  /** Divergence along the same track as agreement. */
  protected readonly along = computed(() => {
    const [along, alignment] = [this.drawn()?.along ?? null, this.alignment()];
    return along && (!alignment || along.track_id === alignment.track_id) ? along : null;
  });
  protected readonly stripe = computed(() => this.drawn()?.stripe ?? null);
  protected readonly mixtures = computed(() => this.drawn()?.mixtures ?? null);
  protected readonly chartsFailed = computed(() => (this.charts.error() ? troubleOf(this.charts.error()) : null));
  protected readonly alignedTitle = computed(() => {
    const id = this.alignment()?.track_id;
    return this.titleOf(id);
  });
  protected readonly namedIds = computed(() => {
    const tag = this.tag();
    return tag ? chosen(tag).map((match) => match.track_id) : [];
  });

  constructor() {
    const title = inject(Title);
    effect(() => {
      const tag = this.tag();
      if (!tag) return;
      title.setTitle(`${titles(tag)} · Earmark`);
    });
  }

  /** Title of a track that the tag names or lists. */
  protected titleOf(id: string | null | undefined): string {
    const tag = this.tag();
    return [...(tag?.matches ?? []), ...(tag?.nearest ?? [])].find((one) => one.track_id === id)?.title ?? '';
  }

  protected reload(): void {
    this.fetched.reload();
  }

  protected async copyLink(): Promise<void> {
    await navigator.clipboard.writeText(location.href);
    this.copied.set(true);
    this.announcer.say('Link copied.');
    setTimeout(() => this.copied.set(false), 2000);
  }

  /** Hand the verdict to another app: what was named, and this address. */
  protected async share(): Promise<void> {
    const tag = this.tag();
    if (!tag) return;
    try {
      await navigator.share({ title: 'Earmark', text: verdictSentence(tag), url: location.href });
    } catch {
      // Whoever closes the sheet without choosing wants nothing said.
    }
  }

  protected async delete(): Promise<void> {
    const [tag, url] = [this.tag(), this.url()];
    if (!tag) return;
    this.cache.drop(tag.id);
    await this.router.navigate(['/history']);
    this.undo.remove(`The tag “${titles(tag)}” is deleted.`, [url]);
  }

  private url(): string {
    return `${API}/tags/${encodeURIComponent(this.id())}`;
  }
}
