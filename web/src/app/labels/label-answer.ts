import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import type { Labels } from '../api/types';
import { remarkSentences } from '../capture/verdict';
import type { BarRow } from '../charts/bars';
import { BarsChartView } from '../charts/bars-chart';
import { fixed, percent } from '../ui/format';
import { Icon } from '../ui/icon';
import { answerWords, featureWords, reasoningOf } from './words';

/** What a model calls a recording: the answer or its doubts, all labels, and the exact reasons. */
@Component({
  selector: 'em-label-answer',
  imports: [BarsChartView, Icon],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './label-answer.html',
})
export class LabelAnswer {
  readonly answer = input.required<Labels>();

  protected readonly heading = computed(() => this.answer().task[0]!.toUpperCase() + this.answer().task.slice(1));
  protected readonly remarkSentences = remarkSentences;
  protected readonly words = computed(() => answerWords(this.answer()));
  protected readonly rows = computed(() =>
    this.answer().distribution.map<BarRow>((item) => ({ name: item.label, value: item.p, text: percent(item.p) })),
  );
  protected readonly named = computed(() => (this.answer().decision === 'uncertain' ? [] : this.answer().labels));
  protected readonly reasoning = computed(() =>
    reasoningOf(this.answer()).map(({ label, parts }) => ({
      label,
      rows: parts.map<BarRow>((part) => ({
        name: featureWords(part.feature),
        value: part.adds,
        text: (part.adds > 0 ? '+' : '') + fixed(part.adds, 2),
      })),
    })),
  );
}
