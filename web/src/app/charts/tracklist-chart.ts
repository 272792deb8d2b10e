import { ChangeDetectionStrategy, Component, computed, input, output } from '@angular/core';

import type { Segment } from '../api/types';
import { KIND_WORDS, segmentName, sureWords } from '../tracklists/segments';
import { clock, count, fixed, speedWords } from '../ui/format';
import { elementWidth } from '../ui/width';
import { Figure } from './figure';
import { BAR, tracklistChart } from './tracklist';

/** Who played what when, on the recording's time. Kinds differ by pattern and by word, not by colour alone. */
@Component({
  selector: 'em-tracklist-chart',
  imports: [Figure],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './tracklist-chart.html',
})
export class TracklistChartView {
  readonly segments = input.required<readonly Segment[]>();
  readonly duration_s = input.required<number>();
  /** Shown in the list at the moment. */
  readonly active = input<string | null>(null);
  readonly picked = output<Segment>();

  protected readonly viewWidth = elementWidth();
  protected readonly barHeight = BAR;
  protected readonly chart = computed(() =>
    tracklistChart(this.segments(), this.duration_s(), this.viewWidth(), (segment) => this.label(segment)),
  );
  protected readonly summary = computed(() => {
    const kinds = this.segments().map((segment) => segment.kind);
    const several = (number: number, word: string) => (number ? `${number} ${word}` : '');
    const of = (kind: Segment['kind']) => kinds.filter((other) => other === kind).length;
    const parts = [
      `${count(of('track'))} tracks`,
      several(of('unknown'), 'stretches of unknown music'),
      several(of('speech_noise'), 'of speech or noise'),
      several(of('silence'), 'of silence'),
    ].filter(Boolean);
    return `${clock(this.duration_s())} with ${parts.join(', ')}. All are in the list below.`;
  });

  private label(segment: Segment): string {
    const name = segment.kind === 'track' ? (segment.title ?? segmentName(segment)) : KIND_WORDS[segment.kind];
    const sign = segment.by_hand ? '✎ ' : '';
    return sign + (segment.state === 'perhaps' && !segment.by_hand ? `${name}?` : name);
  }

  protected readonly clock = clock;
  protected readonly fixed = fixed;
  protected readonly kindWords = KIND_WORDS;
  protected readonly segmentName = segmentName;
  protected readonly speedWords = speedWords;
  protected readonly sureWords = sureWords;
}
