import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  type ElementRef,
  inject,
  viewChild,
  ViewContainerRef,
} from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { NavigationEnd, Router, RouterLink, RouterOutlet } from '@angular/router';
import { filter, map } from 'rxjs';

import { Me } from './api/me';
import { Capture } from './capture/capture';
import { ToTag } from './capture/to-tag';
import { Announcer } from './ui/announcer';
import { DropZone } from './ui/drop-zone';
import { keepFocus } from './ui/focus';
import { Icon } from './ui/icon';
import { KeyDialog } from './ui/key-dialog';
import { LostView } from './ui/lost-view';
import { ThemeChoice } from './ui/theme';
import { TroubleNote } from './ui/trouble-note';
import { Uploads } from './views/uploads';

const VIEWS = [
  { path: '', name: 'Listen', icon: 'microphone', needs: null },
  { path: 'history', name: 'History', icon: 'history', needs: 'history' },
  { path: 'library', name: 'Library', icon: 'library', needs: 'library' },
  { path: 'tracklists', name: 'Tracklists', icon: 'tracklist', needs: 'history' },
  { path: 'labels', name: 'Labels', icon: 'label', needs: 'identify' },
] as const;
/** Views of other addresses, and where people look for them. */
const WITHIN: Readonly<Record<string, string>> = { tags: 'history', tracks: 'library', catalogues: 'library' };

/** Header, navigation, the live region, and the view of the address. */
@Component({
  selector: 'em-root',
  imports: [DropZone, Icon, KeyDialog, RouterLink, RouterOutlet, TroubleNote],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './app.html',
  host: { '(window:beforeunload)': 'leave($event)' },
})
export class App {
  protected readonly announcer = inject(Announcer);
  protected readonly lost = inject(LostView);
  protected readonly me = inject(Me);
  protected readonly themes = inject(ThemeChoice);
  private readonly capture = inject(Capture);
  protected readonly toTag = inject(ToTag);
  protected readonly uploads = inject(Uploads);
  private readonly main = viewChild.required<ElementRef<HTMLElement>>('main');

  private readonly place = viewChild.required('switch', { read: ViewContainerRef });

  protected readonly themeLabel = computed(() => {
    const theme = this.themes.theme();
    return theme === 'system' ? 'Colours: as the system' : `Colours: ${theme}`;
  });

  protected readonly views = computed(() => VIEWS.filter(({ needs }) => !needs || !this.me.lacks(needs)));
  /** Path of the view that is shown, without what comes after it. */
  private readonly arrived = toSignal(
    inject(Router).events.pipe(
      filter((event) => event instanceof NavigationEnd),
      map((event) => event.urlAfterRedirects.split(/[?#]/)[0]!),
    ),
  );
  protected readonly section = computed(() => {
    const part = this.arrived()?.split('/')[1];
    return WITHIN[part ?? ''] ?? part;
  });

  constructor() {
    keepFocus();
    // Loaded after the first view, which does not need it; without it the page works with the usual catalogue.
    afterNextRender(() =>
      import('./catalogues/catalogue-switch').then(
        ({ CatalogueSwitch }) => this.place().createComponent(CatalogueSwitch),
        () => undefined,
      ),
    );
    // A new view takes the focus, or keyboard and screen reader would stay where the old one was.
    let first = true;
    effect(() => {
      if (this.arrived() === undefined) return;
      if (!first) this.main().nativeElement.focus({ preventScroll: true });
      first = false;
    });
  }

  /** Ask before what is under way is lost. */
  protected leave(event: BeforeUnloadEvent): void {
    if (this.capture.busy() || this.toTag.left() || this.uploads.active()) event.preventDefault();
  }

  protected skip(event: Event): void {
    event.preventDefault();
    this.main().nativeElement.focus();
  }
}
