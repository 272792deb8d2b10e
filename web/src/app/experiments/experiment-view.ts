import { HttpClient } from '@angular/common/http';
import { ChangeDetectionStrategy, Component, computed, effect, inject, input, signal, untracked } from '@angular/core';
import { Router, RouterLink } from '@angular/router';
import { catchError, concat, defer, type Observable, of, switchMap } from 'rxjs';

import { Api, API } from '../api/client';
import { troubleOf, type Trouble } from '../api/problem';
import type { Experiment } from '../api/types';
import { ReliabilityChartView } from '../charts/reliability-chart';
import { shareWords } from '../charts/share-words';
import { Announcer } from '../ui/announcer';
import { fixed, moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { saveAs } from '../ui/save';
import { TroubleNote } from '../ui/trouble-note';
import { Undo } from '../ui/undo';
import { Figures } from './figures';
import { cellName, deletedWords, experimentTitle, optionWords, stateWords } from './words';

const FORMATS = [
  { format: 'html', ending: 'html', words: 'Report' },
  { format: 'csv', ending: 'csv', words: 'Every answer, CSV' },
  { format: 'cells', ending: 'csv', words: 'Combinations, CSV' },
  { format: 'json', ending: 'json', words: 'Figures, JSON' },
] as const;

/** One experiment: how far it is, then its figures. */
@Component({
  selector: 'em-experiment-view',
  imports: [Figures, Icon, ReliabilityChartView, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './experiment-view.html',
})
export class ExperimentView {
  private readonly http = inject(HttpClient);
  private readonly api = inject(Api);
  private readonly router = inject(Router);
  private readonly announcer = inject(Announcer);
  private readonly undo = inject(Undo);

  /** From the address. */
  readonly id = input.required<string>();

  protected readonly experiment = signal<Experiment | null>(null);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly formats = computed(() =>
    FORMATS.filter(({ format }) => format !== 'cells' || this.experiment()?.kind === 'sweep'),
  );
  protected readonly rows = computed(() => {
    const one = this.experiment();
    if (one?.kind === 'sweep')
      return one.cells.map((cell) => ({ name: cellName(cell.values), row: cell.summary.rows[0]! }));
    return (one?.summary?.rows ?? []).map((row) => ({ name: row.condition, row }));
  });

  constructor() {
    effect((onCleanup) => {
      const id = this.id();
      const subscription = this.followed(id).subscribe({
        next: (one) => {
          const before = untracked(this.experiment);
          this.experiment.set(one);
          if (before?.status === 'running' && one.status !== 'running')
            this.announcer.say(one.status === 'done' ? 'The experiment is done.' : 'The experiment failed.');
        },
        error: (error: unknown) => this.trouble.set(troubleOf(error)),
      });
      onCleanup(() => subscription.unsubscribe());
    });
  }

  /** The experiment now, as its job goes on, and at the end. */
  private followed(id: string): Observable<Experiment> {
    const now = defer(() => this.http.get<Experiment>(`${API}/experiments/${encodeURIComponent(id)}`));
    return now.pipe(
      switchMap((one) => {
        if (one.status !== 'running') return of(one);
        const steps = this.api.watchJob(id).pipe(
          switchMap(() => now),
          catchError(() => now),
        );
        return concat(of(one), steps, now);
      }),
    );
  }

  protected save(format: string, ending: string): void {
    const url = `${API}/experiments/${encodeURIComponent(this.id())}/results?format=${format}`;
    this.http.get(url, { responseType: 'blob' }).subscribe({
      next: (content) => saveAs(content, `experiment-${this.id().slice(0, 12)}.${ending}`),
      error: (error: unknown) => this.trouble.set(troubleOf(error)),
    });
  }

  protected async delete(one: Experiment): Promise<void> {
    await this.router.navigate(['/experiments']);
    this.undo.remove(deletedWords([one]), [`${API}/experiments/${encodeURIComponent(one.id)}`]);
  }

  protected readonly cellName = cellName;
  protected readonly experimentTitle = experimentTitle;
  protected readonly optionWords = optionWords;
  protected readonly shareWords = shareWords;
  protected readonly stateWords = stateWords;
  protected readonly number = (value: number | null, digits: number) => (value === null ? '–' : fixed(value, digits));
  protected readonly moment = (created: string) => moment(new Date(created));
}
