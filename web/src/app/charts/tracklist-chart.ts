import { ChangeDetectionStrategy, Component, computed, input, output, signal } from '@angular/core';

import type { Segment } from '../api/types';
import { KIND_WORDS, segmentName, span, sureWords } from '../tracklists/segments';
import { soundName, soundWords } from '../tracklists/sounds';
import { clock, count } from '../ui/format';
import { elementWidth } from '../ui/width';
import { Figure } from './figure';
import { BAR, boxes, edges, segmentAt, SOUND, type TracklistBar, tracklistChart } from './tracklist';
import { TracklistTable } from './tracklist-table';

const DESCRIPTION =
  'What sounded when. A yellow edge marks tracks; hatched is music that is not in the library, dotted is speech or noise, a dashed outline is not decided yet, ✎ was corrected by hand.';

/** Height of the edge that marks tracks. */
const EDGE = 5;

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
  /** Bars that look alike, together. */
  protected readonly layers = computed(() => {
    const alike = new Map<string, TracklistBar<Segment>[]>();
    for (const bar of this.chart().bars) {
      const { kind, state, by_hand } = bar.segment;
      const name = state === 'perhaps' && !by_hand ? `${kind} perhaps` : kind;
      const bars = alike.get(name);
      if (bars) bars.push(bar);
      else alike.set(name, [bar]);
    }
    return [...alike].map(([name, bars]) => ({
      name,
      kind: bars[0]!.segment.kind,
      perhaps: name.includes(' '),
      body: boxes(bars, BAR),
      edge: name === 'track' && edges(bars, BAR, EDGE),
      labelled: bars.filter((bar) => bar.label),
    }));
  });
  protected readonly sounds = computed(() => boxes(this.chart().sounds, SOUND));
  /** What the pointer or the cursor is on. */
  protected readonly over = signal<Segment | null>(null);
  protected readonly chosen = computed(() => {
    const [over, active] = [this.over(), this.active()];
    const marked = this.chart().bars.filter(({ segment }) => segment === over || segment.id === active);
    return boxes(marked, BAR);
  });
  protected readonly all = computed(() => [...this.segments(), ...this.beneath()]);
  protected readonly reading = computed(() => {
    const over = this.over();
    if (!over) return 'Move along the recording';
    return [span(over), segmentName(over), sureWords(over), soundWords(over)].filter(Boolean).join(' · ');
  });
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

  protected point(event: PointerEvent): void {
    const { left, top } = (event.currentTarget as SVGElement).getBoundingClientRect();
    this.over.set(segmentAt(this.chart(), event.clientX - left, event.clientY - top));
  }

  /** Move the cursor by keys, from one segment to the next. */
  protected slide(event: Event): void {
    this.over.set(this.all()[Number((event.target as HTMLInputElement).value)] ?? null);
  }

  protected pick(segment: Segment | null): void {
    if (segment) this.picked.emit(segment);
  }
}
