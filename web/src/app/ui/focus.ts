/** Focus what took the place of a row that is gone: its neighbour's button, or `otherwise` if no row is left. */
export function focusAt(within: HTMLElement, buttons: string, row: number, otherwise: HTMLElement | null): void {
  const found = within.querySelectorAll<HTMLElement>(buttons);
  (found[Math.min(Math.max(row, 0), found.length - 1)] ?? otherwise)?.focus();
}
