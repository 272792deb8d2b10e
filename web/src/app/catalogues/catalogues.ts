import { HttpClient, httpResource } from '@angular/common/http';
import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  ElementRef,
  inject,
  Injector,
  linkedSignal,
  signal,
} from '@angular/core';
import { NgTemplateOutlet } from '@angular/common';
import { takeUntilDestroyed, toObservable } from '@angular/core/rxjs-interop';
import { catchError, debounceTime, EMPTY, type Observable, of, switchMap, takeWhile, timer } from 'rxjs';

import { API } from '../api/client';
import { Me } from '../api/me';
import { troubleOf, type Trouble } from '../api/problem';
import type { Catalogue, CatalogueParameter, Catalogues, Copied, Cost, Parameters } from '../api/types';
import { LibraryParts } from '../collection/library-parts';
import { Announcer } from '../ui/announcer';
import { focusAt } from '../ui/focus';
import { count, moment } from '../ui/format';
import { Icon } from '../ui/icon';
import { TroubleNote } from '../ui/trouble-note';
import { UploadPanel } from '../views/upload-panel';
import { Uploads } from '../views/uploads';
import { CataloguesChanged } from './changed';
import { RemoveCatalogue } from './remove-catalogue';
import { bounds, changed, costWords, fault, syncedFrom, type Texts, textsOf, type Values } from './parameters';

const TYPING_MS = 400;
const POLL_MS = 1000;
/** Value of the choice of a start that reads Synced.fm's JSON; no catalogue can be called so. */
const JSON_START = 'synced.fm JSON';
const COPY = 'copy of ';

/** Every catalogue; a form that makes one, with its cost before anything is enrolled; copies under way. */
@Component({
  selector: 'em-catalogues',
  imports: [Icon, LibraryParts, NgTemplateOutlet, RemoveCatalogue, TroubleNote, UploadPanel],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './catalogues.html',
})
export class CataloguesView {
  private readonly http = inject(HttpClient);
  private readonly injector = inject(Injector);
  private readonly announcer = inject(Announcer);
  private readonly changes = inject(CataloguesChanged);
  private readonly element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  private readonly destroyed = inject(DestroyRef);
  protected readonly uploads = inject(Uploads);
  protected readonly me = inject(Me);

  private readonly resource = httpResource<Catalogues>(() => `${API}/catalogues`);
  protected readonly catalogues = linkedSignal<readonly Catalogue[], readonly Catalogue[]>({
    source: () => (this.resource.hasValue() ? this.resource.value().catalogues : []),
    computation: (value, previous) => (value.length ? value : (previous?.value ?? [])),
  });
  protected readonly failure = computed(() => (this.resource.error() ? troubleOf(this.resource.error()) : null));
  private readonly described = httpResource<Parameters>(() =>
    this.me.may('edit') ? `${API}/catalogue-parameters` : undefined,
  );
  private readonly parameters = computed(() => (this.described.hasValue() ? this.described.value().parameters : []));
  protected readonly main = computed(() => this.parameters().filter((parameter) => parameter.synced_fm));
  protected readonly more = computed(() => this.parameters().filter((parameter) => !parameter.synced_fm));

  /** What the form starts from, and what it holds. */
  protected readonly start = signal('earmark');
  protected readonly startValues = computed<Values>(() => {
    const start = this.start();
    if (!start.startsWith(COPY)) {
      const presets = this.described.hasValue() ? this.described.value().presets : {};
      return presets[start === JSON_START ? 'synced-fm' : start] ?? {};
    }
    return this.catalogues().find((catalogue) => COPY + catalogue.name === start)?.config ?? {};
  });
  protected readonly texts = linkedSignal<Values, Texts>({ source: this.startValues, computation: textsOf });
  protected readonly name = signal('');
  protected readonly hours = signal(1);
  protected readonly withTracks = signal(true);
  protected readonly synced = signal('');
  protected readonly syncedFault = signal('');
  protected readonly source = computed(() => (this.start().startsWith(COPY) ? this.start().slice(COPY.length) : null));
  protected readonly faults = computed<Readonly<Record<string, string>>>(() =>
    Object.fromEntries(
      this.parameters().map((parameter) => [parameter.name, fault(parameter, this.texts()[parameter.name] ?? '')]),
    ),
  );
  private readonly asked = computed(() => {
    const faulty = Object.values(this.faults()).some(Boolean);
    if (faulty || !this.parameters().length || !Object.keys(this.startValues()).length) return null;
    return { ...this.begun(), config: changed(this.texts(), this.startValues()), music_s: 3600 * this.hours() };
  });

  protected readonly cost = signal<string>('');
  protected readonly background = signal(false);
  protected readonly costTrouble = signal<Trouble | null>(null);
  protected readonly trouble = signal<Trouble | null>(null);
  protected readonly saving = signal(false);
  protected readonly copy = signal<Copied | null>(null);

  constructor() {
    toObservable(this.asked)
      .pipe(
        debounceTime(TYPING_MS),
        switchMap((asked) => {
          if (!asked) return of(null);
          return this.http.post<Cost>(`${API}/catalogues/estimate`, asked).pipe(
            catchError((error: unknown) => {
              this.cost.set('');
              this.costTrouble.set(troubleOf(error));
              return EMPTY;
            }),
          );
        }),
        takeUntilDestroyed(),
      )
      .subscribe((cost) => {
        this.cost.set(cost ? costWords(cost, this.hours()) : '');
        this.background.set(cost?.own_background ?? false);
        this.costTrouble.set(null);
      });
  }

  private begun(): Record<string, unknown> {
    const source = this.source();
    return source === null ? { preset: this.start() === JSON_START ? 'synced-fm' : this.start() } : { copy_of: source };
  }

  protected set(parameter: CatalogueParameter, event: Event): void {
    const text = (event.target as HTMLInputElement | HTMLSelectElement).value;
    this.texts.update((texts) => ({ ...texts, [parameter.name]: text }));
  }

  protected read(event: Event): void {
    const text = (event.target as HTMLTextAreaElement).value;
    this.synced.set(text);
    this.syncedFault.set('');
    if (!text.trim()) return;
    try {
      const given = syncedFrom(text);
      const own = new Map(this.main().map((parameter) => [parameter.synced_fm, parameter.name]));
      const strange = Object.keys(given).filter((name) => !own.has(name));
      if (strange.length) throw new Error(`Synced.fm has no parameter ${strange.join(', ')}.`);
      const texts = Object.entries(given).map(([name, value]) => [own.get(name)!, String(value)]);
      this.texts.set({ ...textsOf(this.startValues()), ...Object.fromEntries(texts) });
    } catch (error) {
      this.syncedFault.set((error as Error).message);
    }
  }

  protected copyOf(catalogue: Catalogue): void {
    this.start.set(COPY + catalogue.name);
    this.element.querySelector<HTMLInputElement>('.new-name')?.focus();
  }

  protected submit(event: Event): void {
    event.preventDefault();
    const name = this.name().trim();
    const asked = this.asked();
    if (!name || !asked) return;
    const { config } = asked;
    const source = this.source();
    const copies = source !== null && this.withTracks();
    this.saving.set(true);
    this.trouble.set(null);
    const made: Observable<Copied | Catalogue> = copies
      ? this.http.post<Copied>(`${API}/copies`, { source, name, config })
      : this.http.post<Catalogue>(`${API}/catalogues`, { name, ...this.begun(), config });
    made.subscribe({
      next: (answer) => {
        this.saving.set(false);
        this.name.set('');
        this.announcer.say(copies ? `Copying to ${name}.` : `Catalogue ${name} is made.`);
        this.changed();
        if ('missing_tracks' in answer) this.watch(answer);
      },
      error: (error: unknown) => {
        this.saving.set(false);
        this.trouble.set(troubleOf(error));
      },
    });
  }

  protected removed(name: string): void {
    const row = this.catalogues()
      .filter((catalogue) => !catalogue.default)
      .findIndex((catalogue) => catalogue.name === name);
    this.announcer.say(`Catalogue ${name} is removed.`);
    this.catalogues.update((all) => all.filter((catalogue) => catalogue.name !== name));
    if (this.source() === name) this.start.set('earmark');
    this.changed();
    afterNextRender(() => focusAt(this.element, '.rows .delete', row, this.element.querySelector<HTMLElement>('h1')), {
      injector: this.injector,
    });
  }

  private changed(): void {
    this.resource.reload();
    this.changes.count.update((n) => n + 1);
  }

  private watch(copy: Copied): void {
    this.copy.set(copy);
    timer(POLL_MS, POLL_MS)
      .pipe(
        switchMap(() => this.http.get<Copied>(`${API}/copies/${encodeURIComponent(copy.id)}`)),
        takeWhile((state) => state.status !== 'done', true),
        takeUntilDestroyed(this.destroyed),
      )
      .subscribe({
        next: (state) => {
          this.copy.set(state);
          if (state.status !== 'done') return;
          this.announcer.say(`${state.copied} copied, ${state.missing} missing.`);
          this.resource.reload();
        },
        error: (error: unknown) => this.trouble.set(troubleOf(error)),
      });
  }

  /** Add files that the copy lacks: what the source says of them comes along. */
  protected addMissing(event: Event, copy: Copied): void {
    const input = event.target as HTMLInputElement;
    const into = `?catalogue=${encodeURIComponent(copy.catalogue)}&like=${encodeURIComponent(copy.source)}`;
    if (input.files) this.uploads.add(input.files, 'track', into);
    input.value = '';
  }

  protected reload(): void {
    this.resource.reload();
  }

  protected value(event: Event): string {
    return (event.target as HTMLInputElement | HTMLSelectElement).value;
  }

  protected checked(event: Event): boolean {
    return (event.target as HTMLInputElement).checked;
  }

  /** Which of the nine a catalogue has otherwise than the preset. */
  protected differs(catalogue: Catalogue): string {
    const usual = this.described.hasValue() ? (this.described.value().presets['earmark'] ?? {}) : {};
    const found = Object.entries(catalogue.config).filter(([name, value]) => name in usual && usual[name] !== value);
    return found.map(([name, value]) => `${name} ${String(value)}`).join(', ');
  }

  protected made(catalogue: Catalogue): string {
    return moment(new Date(catalogue.created));
  }

  protected readonly jsonStart = JSON_START;
  protected readonly copyStart = COPY;
  protected readonly bounds = bounds;
  protected readonly count = count;
}
