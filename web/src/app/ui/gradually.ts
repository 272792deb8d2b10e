import { computed, effect, type Signal, signal } from '@angular/core';

/**
 * The first `step` of all, and with every picture as many more until all are there: what is long is drawn piece by
 * piece, and the page answers meanwhile.
 */
export function gradually<T>(all: () => readonly T[], step: number): Signal<readonly T[]> {
  const most = signal(step);
  effect((onCleanup) => {
    const now = most();
    if (now >= all().length) return;
    const frame = requestAnimationFrame(() => most.set(now + step));
    onCleanup(() => cancelAnimationFrame(frame));
  });
  return computed(() => (most() < all().length ? all().slice(0, most()) : all()));
}
