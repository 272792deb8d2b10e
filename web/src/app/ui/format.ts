/** Numbers as people read them. Times are seconds, divergences nats; every function is pure. */

const MINUS = '\u2212';
const NARROW_SPACE = '\u202f';
const SUPERSCRIPTS: Record<string, string> = {
  '-': '⁻',
  '0': '⁰',
  '1': '¹',
  '2': '²',
  '3': '³',
  '4': '⁴',
  '5': '⁵',
  '6': '⁶',
  '7': '⁷',
  '8': '⁸',
  '9': '⁹',
};

/** `83.4` → `1:23`; with one digit `1:23.4`; an hour and more `1:02:03`; negative times keep their sign. */
export function clock(seconds: number, digits: 0 | 1 = 0): string {
  const unit = digits ? 10 : 1;
  const units = Math.round(Math.abs(seconds) * unit);
  const whole = Math.floor(units / unit);
  const fraction = digits ? `.${units % unit}` : '';
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  const sign = seconds < 0 && units > 0 ? MINUS : '';
  return sign + (h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`) + fraction;
}

/** A probability in words; the number always stands beside it. */
export function confidenceWords(probability: number): string {
  if (probability >= 0.99) return 'Almost certain';
  if (probability >= 0.9) return 'Very likely';
  if (probability >= 0.7) return 'Likely';
  if (probability >= 0.4) return 'Uncertain';
  return 'Unlikely';
}

/** `0.9731` → `97 %`. Never claims 0 or 100: `> 99.9 %`, `< 0.1 %`. */
export function percent(probability: number): string {
  if (probability > 0.999) return `>${NARROW_SPACE}99.9${NARROW_SPACE}%`;
  if (probability < 0.001) return `<${NARROW_SPACE}0.1${NARROW_SPACE}%`;
  const edge = probability > 0.99 || probability < 0.01;
  // Cut, not rounded, so that a bound is never reached by rounding.
  const value = edge ? Math.floor(probability * 1000 + 1e-9) / 10 : Math.round(probability * 100);
  return `${edge ? value.toFixed(1) : value}${NARROW_SPACE}%`;
}

/** Log10 of an expected count → `10⁻²³`, or a plain number near one: `0.3`, `12`. */
export function power(log10: number): string {
  if (log10 > -2 && log10 < 4) {
    const value = 10 ** log10;
    return value >= 10 ? String(Math.round(value)) : String(Number(value.toPrecision(1)));
  }
  return '10' + [...String(Math.round(log10))].map((character) => SUPERSCRIPTS[character]).join('');
}

/** `0.0123` → `12 ms`; from a second on `1.23 s`. */
export function duration(seconds: number): string {
  if (seconds >= 1) return `${seconds.toFixed(2)}${NARROW_SPACE}s`;
  const ms = seconds * 1000;
  return `${ms >= 9.95 || ms === 0 ? Math.round(ms) : ms.toFixed(1)}${NARROW_SPACE}ms`;
}

/** `1234567` → `1.2 MB`, in powers of ten like the limits. */
export function bytes(count: number): string {
  if (count < 1000) return `${count}${NARROW_SPACE}B`;
  if (count < 999_500) return `${Math.round(count / 1000)}${NARROW_SPACE}kB`;
  return `${(count / 1e6).toFixed(1)}${NARROW_SPACE}MB`;
}

/** A fixed number of decimals with a true minus sign. */
export function fixed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  return (value < 0 && Number(text) !== 0 ? MINUS : '') + text;
}

/** The hyphen that programs write, as a minus sign. */
export function minus(text: string): string {
  return text.replace(/^-/, MINUS);
}

/** Thousands apart: `12 345`. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, NARROW_SPACE);
}

/** `1.012` → `1.2 % fast`; within a tenth of a per cent `as recorded`. */
export function speedWords(speed: number): string {
  const off = (speed - 1) * 100;
  if (Math.abs(off) < 0.1) return 'as recorded';
  return `${Math.abs(off).toFixed(1)}${NARROW_SPACE}% ${off > 0 ? 'fast' : 'slow'}`;
}

/** Local day for a heading: `Today`, `Yesterday` or `Tuesday, 3 March 2026`. */
export function day(created: Date, now: Date): string {
  const midnight = (date: Date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  const days = Math.round((midnight(now) - midnight(created)) / 86_400_000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }).format(
    created,
  );
}

/** Local time of day: `21:07`. */
export function timeOfDay(created: Date): string {
  return new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' }).format(created);
}

/** Local date and time: `3 Mar 2026, 21:07`. */
export function moment(created: Date): string {
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  }).format(created);
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** A name that stands among other words: one that is written from right to left takes none of them along. */
export function isolated(text: string): string {
  return RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text;
}
