import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

import { duration } from '../ui/format';
import { stageRows } from './timings';

/** Seconds per stage: chart and table in one. */
@Component({
  selector: 'em-timings',
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './timings-chart.html',
})
export class TimingsChart {
  readonly seconds = input.required<Readonly<Record<string, number>>>();
  protected readonly drawn = computed(() => stageRows(this.seconds()));
  protected readonly duration = duration;
}
