import { ChangeDetectionStrategy, Component, computed, input, output } from '@angular/core';

import type { Segment } from '../api/types';
import { KIND_WORDS, segmentName } from '../tracklists/segments';
import { soundName, soundWords } from '../tracklists/sounds';
import { clock, count } from '../ui/format';
import { gradually } from '../ui/gradually';
import { elementWidth } from '../ui/width';
import { Figure } from './figure';
import { BAR, SOUND, tracklistChart } from './tracklist';
import { TracklistTable } from './tracklist-table';

/** Bars that are added with one picture. */
const STEP = 80;

const DESCRIPTION =
  'What sounded when. A yellow edge marks tracks; hatched is music that is not in the library, dotted is speech or noise, a dashed outline is not decided yet, ✎ was corrected by hand.';

/** Who played what when, on the recording's time. Kinds differ by pattern and by word, not by colour alone. */
@Component({
  selector: 'em-tracklist-chart',
  imports: [Figure, TracklistTable],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './tracklist-chart.html',
})
export class TracklistChartView {
  readonly segments = input.required<readonly Segment[]>();
  readonly duration_s = input.required<number>();
  /** A second list, to compare: the first is A then, this one B. */
  readonly beneath = input<readonly Segment[]>([]);
  /** Shown in the list at the moment. */
  readonly active = input<string | null>(null);
  readonly picked = output<Segment>();

  protected readonly viewWidth = elementWidth();
  protected readonly barHeight = BAR;
  protected readonly chart = computed(() =>
    tracklistChart(
      this.segments(),
      this.duration_s(),
      this.viewWidth(),
      (segment) => this.label(segment),
      this.beneath(),
      this.beneath().length ? undefined : soundName,
    ),
  );
  protected readonly soundHeight = SOUND;
  private readonly heard = computed(() =>
    this.chart().sounds.map((cell) => ({ ...cell, words: soundWords(cell.segment) })),
  );
  protected readonly bars = gradually(() => this.chart().bars, STEP);
  protected readonly sounds = gradually(this.heard, STEP);
  protected readonly description = computed(
    () => DESCRIPTION + (this.chart().sounds.length ? ' Below is what each sounds like.' : ''),
  );
  protected readonly summary = computed(() => {
    const lists = this.beneath().length
      ? `A: ${this.kinds(this.segments())}; B: ${this.kinds(this.beneath())}`
      : this.kinds(this.segments());
    return `${clock(this.duration_s())} with ${lists}. All are in the list below.`;
  });

  private kinds(segments: readonly Segment[]): string {
    const kinds = segments.map((segment) => segment.kind);
    const several = (number: number, word: string) => (number ? `${number} ${word}` : '');
    const of = (kind: Segment['kind']) => kinds.filter((other) => other === kind).length;
    return [
      `${count(of('track'))} tracks`,
      several(of('unknown'), 'stretches of unknown music'),
      several(of('speech_noise'), 'of speech or noise'),
      several(of('silence'), 'of silence'),
    ]
      .filter(Boolean)
      .join(', ');
  }

  private label(segment: Segment): string {
    const name = segment.kind === 'track' ? (segment.title ?? segmentName(segment)) : KIND_WORDS[segment.kind];
    const sign = segment.by_hand ? '✎ ' : '';
    return sign + (segment.state === 'perhaps' && !segment.by_hand ? `${name}?` : name);
  }
}
