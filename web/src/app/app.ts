import {
  ChangeDetectionStrategy,
  Component,
  computed,
  effect,
  type ElementRef,
  inject,
  viewChild,
} from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { NavigationEnd, Router, RouterLink, RouterLinkActive, RouterOutlet } from '@angular/router';
import { filter, map } from 'rxjs';

import { Announcer } from './ui/announcer';
import { Icon } from './ui/icon';
import { KeyDialog } from './ui/key-dialog';
import { ThemeChoice } from './ui/theme';

/** Header, navigation, the live region, and the view of the address. */
@Component({
  selector: 'em-root',
  imports: [RouterLink, RouterLinkActive, RouterOutlet, Icon, KeyDialog],
  changeDetection: ChangeDetectionStrategy.OnPush,
  templateUrl: './app.html',
})
export class App {
  protected readonly announcer = inject(Announcer);
  protected readonly themes = inject(ThemeChoice);
  private readonly main = viewChild.required<ElementRef<HTMLElement>>('main');

  protected readonly themeLabel = computed(() => {
    const theme = this.themes.theme();
    return theme === 'system' ? 'Colours: as the system' : `Colours: ${theme}`;
  });

  constructor() {
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

  protected skip(event: Event): void {
    event.preventDefault();
    this.main().nativeElement.focus();
  }
}
