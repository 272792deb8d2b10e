/** The image of agreement beside a place: rows are places, columns the snippet's frames. */

export interface Stripe {
  /** Distance of each row from the best place, seconds. */
  readonly shifts_s: readonly number[];
  /** Time from one column to the next, seconds. */
  readonly hop_s: number;
  /** A character a frame: 0 to 9, or `.` where nothing is compared. */
  readonly rows: readonly string[];
}

/** Agreement of each cell, 0 to 1, or null; row by row. */
export function levels(stripe: Stripe): (number | null)[][] {
  return stripe.rows.map((row) => [...row].map((level) => (level === '.' ? null : Number(level) / 9)));
}

/** Mean agreement of each row; null where nothing is compared. */
export function rowMeans(stripe: Stripe): (number | null)[] {
  return levels(stripe).map((row) => {
    const there = row.filter((value) => value !== null);
    return there.length ? there.reduce((sum, value) => sum + value, 0) / there.length : null;
  });
}

type Rgb = readonly [number, number, number];

/** Pixels of the image, four bytes each, from `paper` (none) to `ink` (all); where nothing is compared they are clear. */
export function pixels(stripe: Stripe, paper: Rgb, ink: Rgb): Uint8ClampedArray<ArrayBuffer> {
  const cells = levels(stripe);
  const width = cells[0]?.length ?? 0;
  const bytes = new Uint8ClampedArray(4 * width * cells.length);
  cells.forEach((row, i) =>
    row.forEach((value, j) => {
      if (value === null) return;
      const at = 4 * (i * width + j);
      for (let channel = 0; channel < 3; channel++)
        bytes[at + channel] = paper[channel]! + (ink[channel]! - paper[channel]!) * value;
      bytes[at + 3] = 255;
    }),
  );
  return bytes;
}
