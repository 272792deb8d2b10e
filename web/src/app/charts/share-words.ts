import type { Share } from '../api/types';

/** `93 % (88–97)`, `–` where nothing was asked. Counted, so 0 and 100 are what they are. */
export function shareWords(share: Share): string {
  if (share.value === null) return '–';
  const whole = (value: number) => String(Math.round(100 * value));
  const range = share.low === null || share.high === null ? '' : ` (${whole(share.low)}–${whole(share.high)})`;
  return `${whole(share.value)}\u202f%${range}`;
}
