import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import type { Experiment } from '../api/types';
import { SharesChartView } from '../charts/shares-chart';
import { compared, experimentTitle, FIGURES } from './words';

/** The figures of one experiment, or of several beside each other. */
@Component({
  selector: 'em-figures',
  imports: [SharesChartView],
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    @for (figure of figures(); track figure.name) {
      <em-shares-chart
        class="panel"
        [heading]="figure.heading"
        [description]="figure.text + ' Per cent, with intervals of 95 %.'"
        [column]="column()"
        [series]="series()"
        [groups]="figure.groups"
      />
    }
  `,
})
export class Figures {
  readonly experiments = input.required<readonly Experiment[]>();

  protected readonly column = computed(() =>
    this.experiments().every((one) => one.kind === 'sweep') ? 'Parameters' : 'Condition',
  );
  protected readonly series = computed(() => {
    const titles = this.experiments().map(experimentTitle);
    return titles.length > 1 ? titles.map((title, index) => `${index + 1}. ${title}`) : ['Share'];
  });
  protected readonly figures = computed(() =>
    FIGURES.map((figure) => ({ ...figure, groups: compared(this.experiments(), figure.name) })).filter((figure) =>
      figure.groups.some((group) => group.shares.some((share) => share.value !== null)),
    ),
  );
}
