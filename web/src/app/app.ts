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
import { NavigationEnd, Router, RouterLink, RouterLinkActive, RouterOutlet } from '@angular/router';
import { filter, map } from 'rxjs';

import { Me } from './api/me';
import { Capture } from './capture/capture';
import { ToTag } from './capture/to-tag';
import { Announcer } from './ui/announcer';
import { DropZone } from './ui/drop-zone';
import { Icon } from './ui/icon';
import { KeyDialog } from './ui/key-dialog';
import { LostView } from './ui/lost-view';
import { ThemeChoice } from './ui/theme';
import { TroubleNote } from './ui/trouble-note';
import { Uploads } from './views/uploads';

/** Header, navigation, the live region, and the view of the address. */
@Component({
  selector: 'em-root',
  imports: [DropZone, Icon, KeyDialog, RouterLink, RouterLinkActive, RouterOutlet, TroubleNote],
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
  private readonly toTag = inject(ToTag);
  protected readonly uploads = inject(Uploads);
  private readonly main = viewChild.required<ElementRef<HTMLElement>>('main');

  private readonly place = viewChild.required('switch', { read: ViewContainerRef });

  protected readonly themeLabel = computed(() => {
    const theme = this.themes.theme();
    return theme === 'system' ? 'Colours: as the system' : `Colours: ${theme}`;
  });

  constructor() {
    // Loaded after the first view, which does not need it; without it the page works with the usual catalogue.
    afterNextRender(() =>
      import('./catalogues/catalogue-switch').then(
        ({ CatalogueSwitch }) => this.place().createComponent(CatalogueSwitch),
        () => undefined,
      ),
    );
    const arrived = toSignal(
      inject(Router).events.pipe(
        filter((event) => event instanceof NavigationEnd),
        map((event) => event.urlAfterRedirects.split(/[?#]/)[0]!),
      ),
    );
    // A new view takes the focus, or keyboard and screen reader would stay where the old one was.
    let first = true;
    effect(() => {
      if (arrived() === undefined) return;
      if (!first) this.main().nativeElement.focus({ preventScroll: true });
      first = false;
    });
  }

  /** Ask before what is under way is lost. */
  protected leave(event: BeforeUnloadEvent): void {
    if (this.capture.busy() || this.toTag.busy() || this.uploads.active()) event.preventDefault();
  }

  protected skip(event: Event): void {
    event.preventDefault();
    this.main().nativeElement.focus();
  }
}
