import { ChangeDetectionStrategy, Component, computed, input } from '@angular/core';

/** Strokes on a grid of 24. */
const PATHS = {
  microphone:
    'M12 3a3.2 3.2 0 0 0-3.2 3.2v5.6a3.2 3.2 0 0 0 6.4 0V6.2A3.2 3.2 0 0 0 12 3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3M8.5 21h7',
  history: 'M3.5 12a8.5 8.5 0 1 0 2.6-6.1M3.5 4v4.5H8M12 7.5V12l3 2',
  library: 'M4 4v16M8.5 4v16M13 4.5l5.5 15',
  tracklist: 'M3.5 7h10v4h-10zM15.5 7h5M3.5 15h4M9.5 13h11v4h-11z',
  label: 'M4 4.5h8l8 8-7.5 7.5-8.5-8.5zM8.3 8.8v.1',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  question: 'M9 9.2a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.5v.1',
  twins: 'M4 7h10v10H4zM10 4h10v10h-3',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1',
  trash: 'M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10.3 11v5.5M13.7 11v5.5',
  pencil: 'M4.5 19.5l1-4L16 5l3 3L8.5 18.5zM13.5 7.5l3 3',
  upload: 'M12 16V4.5M7 9l5-4.7L17 9M4.5 15.5v4h15v-4',
  search: 'M10.5 4.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5',
  close: 'M6 6l12 12M18 6L6 18',
  system: 'M4 5h16v11H4zM9 20h6M12 16v4',
  light:
    'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4',
  dark: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z',
  alert: 'M12 4l9 15.5H3zM12 10v4.5M12 17v.1',
  chevron: 'M9 5.5l6.5 6.5L9 18.5',
} as const;

export type IconName = keyof typeof PATHS;

/** Decoration only: words stand beside it or in the button's label. */
@Component({
  selector: 'em-icon',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path [attr.d]="path()" /></svg>`,
})
export class Icon {
  readonly name = input.required<IconName>();
  protected readonly path = computed(() => PATHS[this.name()]);
}
