import { HttpClient, httpResource } from '@angular/common/http';
import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  ElementRef,
  inject,
  linkedSignal,
  signal,
  viewChild,
} from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import { Router, RouterLink } from '@angular/router';
import { switchMap } from 'rxjs';

import { Api, API } from '../api/client';
import { Me } from '../api/me';
import { jobErrorWords, troubleOf, type Trouble } from '../api/problem';
import type { Job, MapAnswer } from '../api/types';
import { Figure } from '../charts/figure';
import { trackName } from '../charts/nearest';
import { Announcer } from '../ui/announcer';
import { count, moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { elementWidth } from '../ui/width';
import { LibraryParts } from './library-parts';
import { around, mapHeight, matching, type Spot, spotAt, spotBeside, spots } from './map';

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const ROWS = 200;
const BESIDE = 6;

/** The library as a plane: tracks that sound alike lie side by side. */
@Component({
  selector: 'em-map',
  imports: [Figure, Icon, LibraryParts, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './map-view.html',
})
export class MapView {
  private readonly http = inject(HttpClient);
  private readonly api = inject(Api);
  private readonly router = inject(Router);
  private readonly announcer = inject(Announcer);
  private readonly destroyed = inject(DestroyRef);
  protected readonly me = inject(Me);
  private readonly drawing = viewChild<ElementRef<SVGSVGElement>>('drawing');

  private readonly resource = httpResource<MapAnswer>(() => `${API}/map`);
  protected readonly map = linkedSignal<MapAnswer | undefined, MapAnswer | undefined>({
    source: () => (this.resource.hasValue() ? this.resource.value() : undefined),
    computation: (value, previous) => value ?? previous?.value,
  });
  protected readonly failure = computed(() => (this.resource.error() ? troubleOf(this.resource.error()) : null));
  protected readonly busy = signal(false);
  protected readonly trouble = signal<Trouble | null>(null);

  protected readonly width = elementWidth();
  /** Inside the panel that holds it. */
  protected readonly inner = computed(() => Math.max(240, this.width() - 42));
  protected readonly height = computed(() => mapHeight(this.inner()));
  protected readonly spots = computed(() => spots(this.map()?.points ?? [], this.inner(), this.height()));
  protected readonly search = signal('');
  protected readonly found = computed(() => matching(this.map()?.points ?? [], this.search()));
  protected readonly chosenId = signal<string | null>(null);
  protected readonly chosen = computed(
    () => this.spots().find((spot) => spot.point.track_id === this.chosenId()) ?? null,
  );
  protected readonly beside = computed(() => {
    const chosen = this.chosen();
    return chosen ? around(this.spots(), chosen, BESIDE) : [];
  });
  /** All dots of a kind are one path: thousands of elements would be slow. */
  protected readonly plain = computed(() => this.dots((spot) => !this.found().has(spot.point.track_id)));
  protected readonly marked = computed(() => this.dots((spot) => this.found().has(spot.point.track_id)));
  protected readonly rows = computed(() => {
    const all = this.map()?.points ?? [];
    return (this.search() ? all.filter((point) => this.found().has(point.track_id)) : all).slice(0, ROWS);
  });
  protected readonly summary = computed(() => {
    const map = this.map();
    if (!map) return '';
    const tracks = `${count(map.points.length)} ${map.points.length === 1 ? 'track' : 'tracks'}`;
    return this.search() ? `${tracks}, ${this.found().size} found.` : `${tracks}.`;
  });

  private dots(wanted: (spot: Spot) => boolean): string {
    return this.spots()
      .filter(wanted)
      .map(({ x, y }) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`)
      .join('');
  }

  protected type(event: Event): void {
    this.search.set((event.target as HTMLInputElement).value.trim());
    const first = this.spots().find((spot) => this.found().has(spot.point.track_id));
    if (first) this.chosenId.set(first.point.track_id);
  }

  protected point(event: MouseEvent): void {
    const box = this.drawing()?.nativeElement.getBoundingClientRect();
    if (!box) return;
    const scale = this.inner() / box.width;
    const spot = spotAt(this.spots(), (event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
    if (spot) this.chosenId.set(spot.point.track_id);
  }

  protected key(event: KeyboardEvent): void {
    const chosen = this.chosen();
    if (event.key === 'Enter' && chosen) {
      void this.router.navigate(['/tracks', chosen.point.track_id]);
      return;
    }
    const way = ARROWS[event.key];
    if (!way) return;
    event.preventDefault();
    const next = chosen ? spotBeside(this.spots(), chosen, way[0], way[1]) : (this.spots()[0] ?? null);
    if (!next) return;
    this.chosenId.set(next.point.track_id);
    this.announcer.say(trackName(next.point));
  }

  /** Lay the map out anew. */
  protected draw(): void {
    this.busy.set(true);
    this.trouble.set(null);
    this.http
      .post<Job>(`${API}/map`, null)
      .pipe(
        switchMap((job) => this.api.watchJob(job.id)),
        takeUntilDestroyed(this.destroyed),
      )
      .subscribe({
        next: (job) => {
          if (job.status !== 'done') return;
          this.busy.set(false);
          if (job.error) {
            this.trouble.set({
              name: job.error.name,
              title: 'The map could not be drawn',
              detail: jobErrorWords(job.error, ''),
            });
            return;
          }
          this.announcer.say('The map is drawn.');
          this.resource.reload();
        },
        error: (error: unknown) => {
          this.busy.set(false);
          this.trouble.set(troubleOf(error));
        },
      });
  }

  protected reload(): void {
    this.resource.reload();
  }

  protected made(map: MapAnswer): string {
    return moment(new Date(map.created ?? 0));
  }

  protected readonly count = count;
  protected readonly trackName = trackName;
}
