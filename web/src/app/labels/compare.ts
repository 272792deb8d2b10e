import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  effect,
  inject,
  Injector,
  signal,
} from '@angular/core';
import { RouterLink } from '@angular/router';

import { Announcer } from '../ui/announcer';
import { percent } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { Asking } from './asking';
import { songMood } from './mood';
import { MoodView } from './mood-view';
import { answerWords, GROUPS, liftWords } from './words';

/** Songs beside each other, at most. */
const MOST = 3;
/** Rows of a table at most. */
const ROWS = 8;
const LETTERS = ['A', 'B', 'C'];

interface Song {
  readonly letter: string;
  readonly asking: Asking;
}

/** Up to three songs beside each other: how lively, which tags, which labels. */
@Component({
  selector: 'em-compare-songs',
  imports: [Icon, MoodView, RouterLink, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './compare.html',
})
export class CompareSongs {
  private readonly injector = inject(Injector);
  private readonly announcer = inject(Announcer);

  protected readonly songs = signal<readonly Song[]>([]);
  protected readonly full = computed(() => this.songs().length >= MOST);
  protected readonly busy = computed(() => this.songs().some((song) => song.asking.busy()));
  private readonly done = computed(() => this.songs().filter((song) => song.asking.tags()));

  /** Where each song lies between calm and energetic, sad and happy. */
  protected readonly moods = computed(() =>
    this.done().map(({ letter, asking }) => songMood(asking.name(), letter, asking.tags()!, asking.answers())),
  );

  /** Tags of each group in which any song stands out, with every song's lift. */
  protected readonly groups = computed(() =>
    GROUPS.map(({ group, heading }) => {
      const names = new Map<string, number>();
      for (const { asking } of this.done())
        for (const tag of asking.tags()!.tags)
          if (tag.group === group && tag.probability >= 0.05)
            names.set(tag.tag, Math.max(names.get(tag.tag) ?? 0, tag.lift));
      const rows = [...names]
        .sort((a, b) => b[1] - a[1])
        .slice(0, ROWS)
        .map(([name]) => ({
          name,
          values: this.done().map(({ asking }) => asking.tags()!.tags.find((tag) => tag.tag === name)?.lift ?? 0),
        }));
      const top = Math.max(1, ...rows.flatMap((row) => row.values));
      return { heading, rows, top };
    }).filter((group) => group.rows.length),
  );

  /** What each model says of each song. */
  protected readonly tasks = computed(() => {
    const tasks = [...new Set(this.songs().flatMap(({ asking }) => asking.answers().map((answer) => answer.task)))];
    return tasks.map((task) => {
      const answers = this.songs().map(({ asking }) => asking.answers().find((answer) => answer.task === task) ?? null);
      const labels = [...new Set(answers.flatMap((answer) => answer?.distribution.map((item) => item.label) ?? []))];
      const share = (label: string, index: number) =>
        answers[index]?.distribution.find((item) => item.label === label)?.p ?? null;
      return {
        task,
        said: answers.map((answer) => (answer ? answerWords(answer).said : '–')),
        rows: labels.map((label) => ({ label, values: answers.map((_, index) => share(label, index)) })),
      };
    });
  });

  constructor() {
    let listening = false;
    effect(() => {
      const busy = this.busy();
      if (listening && !busy) this.announcer.say('The songs are compared.');
      listening = busy;
    });
    inject(DestroyRef).onDestroy(() => this.songs().forEach((song) => song.asking.forget()));
  }

  protected choose(event: Event): void {
    const input = event.target as HTMLInputElement;
    for (const file of [...(input.files ?? [])].slice(0, MOST - this.songs().length)) {
      const asking = Injector.create({ providers: [Asking], parent: this.injector }).get(Asking);
      const letter = LETTERS.find((one) => !this.songs().some((song) => song.letter === one))!;
      this.songs.update((songs) => [...songs, { letter, asking }]);
      asking.ask(file, file.name, false);
    }
    input.value = '';
  }

  protected drop(song: Song): void {
    song.asking.forget();
    this.songs.update((songs) => songs.filter((other) => other !== song));
  }

  protected readonly liftWords = liftWords;
  protected readonly share = (value: number | null) => (value === null ? '–' : percent(value));
}
