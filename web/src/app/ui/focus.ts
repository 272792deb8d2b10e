import { afterEveryRender } from '@angular/core';

/** Focus what took the place of a row that is gone: its neighbour's button, or `otherwise` if no row is left. */
export function focusAt(within: HTMLElement, buttons: string, row: number, otherwise: HTMLElement | null): void {
  const found = within.querySelectorAll<HTMLElement>(buttons);
  (found[Math.min(Math.max(row, 0), found.length - 1)] ?? otherwise)?.focus();
}

/**
 * Keep the focus where somebody works, whatever becomes of what had it: what is disabled takes it again once it is not,
 * and for what is gone or hidden the nearest part of the page that is left stands in. Called once, by the page.
 */
export function keepFocus(): void {
  /** What had the focus last, and all that it lay in. */
  let path: HTMLElement[] = [];
  document.addEventListener('focusin', ({ target }) => {
    path = [];
    for (let at = target as HTMLElement | null; at; at = at.parentElement) path.push(at);
  });
  document.addEventListener('focusout', ({ target }) =>
    // Some browsers say so before they take away what had it.
    setTimeout(() => {
      if (target === path[0] && canHold(path[0]!)) path = []; // given away on purpose
    }),
  );
  afterEveryRender(() => {
    if (!path.length || document.activeElement !== document.body) return;
    const [lost] = path;
    if (lost!.checkVisibility() && lost!.matches(':disabled')) return;
    const near = path.find((element) => canHold(element) && element !== document.documentElement);
    if (!near || near === document.body) return;
    if (near !== lost) near.tabIndex = -1;
    near.focus({ preventScroll: true });
  });
}

function canHold(element: HTMLElement): boolean {
  return element.isConnected && element.checkVisibility() && !element.matches(':disabled');
}
