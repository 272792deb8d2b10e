import { httpResource } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, inject, input, linkedSignal, signal } from '@angular/core';
import { RouterLink } from '@angular/router';

import { Api, API } from '../api/client';
import { Me } from '../api/me';
import { troubleOf, type Trouble } from '../api/problem';
import type { LabelModel } from '../api/types';
import type { MatrixCell } from '../charts/matrix';
import { MatrixChart } from '../charts/matrix-chart';
import { ReliabilityChartView } from '../charts/reliability-chart';
import { SharesChartView } from '../charts/shares-chart';
import { Announcer } from '../ui/announcer';
import { TroubleNote } from '../ui/trouble-note';
import { protocolsOf } from './cards';
import { cardWords, weaknesses } from './words';

/** One model: its card, how good it is by honest and by flattering splits, what it takes for what. */
@Component({
  selector: 'em-model-view',
  imports: [MatrixChart, ReliabilityChartView, RouterLink, SharesChartView, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './model-view.html',
})
export class ModelView {
  private readonly api = inject(Api);
  private readonly announcer = inject(Announcer);
  protected readonly me = inject(Me);

  /** From the address. */
  readonly task = input.required<string>();
  readonly version = input.required<string>();

  protected readonly resource = httpResource<LabelModel>(
    () => `${API}/label-models/${encodeURIComponent(this.task())}/${encodeURIComponent(this.version())}`,
  );
  protected readonly model = computed(() => (this.resource.hasValue() ? this.resource.value() : undefined));
  protected readonly failure = computed(() => (this.resource.error() ? troubleOf(this.resource.error()) : null));
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly saving = signal(false);

  protected readonly protocols = computed(() => {
    const model = this.model();
    return model ? protocolsOf(model) : [];
  });
  protected readonly groups = computed(() =>
    this.protocols()
      .filter((protocol) => protocol.accuracy)
      .map((protocol) => ({
        name: `${protocol.name}${protocol.leaky ? ' (flatters)' : ''}`,
        shares: [protocol.accuracy!, ...(this.hasTop3() ? [protocol.top3 ?? NOTHING] : [])],
      })),
  );
  protected readonly hasTop3 = computed(() => this.protocols().some((protocol) => protocol.top3));
  protected readonly series = computed(() => ['Right', ...(this.hasTop3() ? ['Among the first three'] : [])]);

  /** Which protocol's figures are shown. */
  protected readonly chosen = linkedSignal<number>(() => (this.protocols().length ? 0 : -1));
  protected readonly protocol = computed(() => this.protocols()[this.chosen()] ?? null);
  protected readonly cell = linkedSignal<number, MatrixCell | null>({ source: this.chosen, computation: () => null });
  protected readonly clips = computed(() => {
    const [cell, protocol] = [this.cell(), this.protocol()];
    if (!cell || !protocol) return [];
    return protocol.clips.filter((clip) => clip.truth === cell.row && clip.said === cell.column);
  });

  protected open(cell: MatrixCell): void {
    this.cell.set(cell);
    this.announcer.say(`${this.clips().length} clips are listed below the matrix.`);
  }

  protected activate(): void {
    this.saving.set(true);
    this.trouble.set(null);
    this.api.activateModel(this.task(), this.version()).subscribe({
      next: () => {
        this.saving.set(false);
        this.announcer.say('It answers from now on.');
        this.resource.reload();
      },
      error: (error: unknown) => {
        this.saving.set(false);
        this.trouble.set(troubleOf(error));
      },
    });
  }

  protected readonly cardWords = cardWords;
  protected readonly weaknesses = weaknesses;
  protected readonly whole = (value: number) => String(Math.round(100 * value));
}

const NOTHING = { value: null, low: null, high: null };
