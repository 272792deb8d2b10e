import { DestroyRef, ElementRef, inject, signal, type Signal } from '@angular/core';

const FALLBACK = 640;

/** Width of the injecting component's element in pixels, as it changes: charts are laid out for it. */
export function elementWidth(): Signal<number> {
  const element = inject<ElementRef<HTMLElement>>(ElementRef).nativeElement;
  const width = signal(element.clientWidth || FALLBACK);
  if (typeof ResizeObserver !== 'undefined') {
    const observer = new ResizeObserver((entries) => {
      const measured = Math.floor(entries[entries.length - 1]!.contentRect.width);
      if (measured > 0) width.set(measured);
    });
    observer.observe(element);
    inject(DestroyRef).onDestroy(() => observer.disconnect());
  }
  return width;
}
