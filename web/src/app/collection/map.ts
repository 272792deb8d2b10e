/** Geometry of the map of a library. Every function is pure. */

import type { MapPoint } from '../api/types';

export interface Spot {
  readonly point: MapPoint;
  readonly x: number;
  readonly y: number;
}

const MARGIN = 14;

/** Height of the map for a width, pixels. */
export function mapHeight(width: number): number {
  return Math.round(Math.min(560, Math.max(260, width * 0.62)));
}

/** Places in pixels: the same scale on both axes, in the middle of the picture. */
export function spots(points: readonly MapPoint[], width: number, height: number): Spot[] {
  if (!points.length) return [];
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const fit = (room: number, span: number) => (span > 0 ? (room - 2 * MARGIN) / span : Infinity);
  const scale = Math.min(fit(width, right - left), fit(height, bottom - top));
  const used = Number.isFinite(scale) ? scale : 0;
  return points.map((point) => ({
    point,
    x: width / 2 + (point.x - (left + right) / 2) * used,
    y: height / 2 + (point.y - (top + bottom) / 2) * used,
  }));
}

/** The spot nearest to a place, within reach. */
export function spotAt(all: readonly Spot[], x: number, y: number, reach = 24): Spot | null {
  let found: Spot | null = null;
  let least = reach * reach;
  for (const spot of all) {
    const apart = (spot.x - x) ** 2 + (spot.y - y) ** 2;
    if (apart <= least) [found, least] = [spot, apart];
  }
  return found;
}

/** The nearest spot in a direction from another: where an arrow key leads. */
export function spotBeside(all: readonly Spot[], from: Spot, dx: number, dy: number): Spot | null {
  let found: Spot | null = null;
  let least = Infinity;
  for (const spot of all) {
    const [x, y] = [spot.x - from.x, spot.y - from.y];
    const along = x * dx + y * dy;
    if (spot === from || along <= 0) continue;
    // What lies aside counts double, so that the way leads on and not to and fro.
    const far = along + 2 * Math.abs(x * dy - y * dx);
    if (far < least) [found, least] = [spot, far];
  }
  return found;
}

/** The spots nearest to one, itself left out. */
export function around(all: readonly Spot[], of: Spot, most: number): Spot[] {
  return all
    .filter((spot) => spot !== of)
    .map((spot) => ({ spot, apart: (spot.x - of.x) ** 2 + (spot.y - of.y) ** 2 }))
    .sort((a, b) => a.apart - b.apart)
    .slice(0, most)
    .map(({ spot }) => spot);
}

/** Ids of tracks whose title or artist has every word. */
export function matching(points: readonly MapPoint[], search: string): Set<string> {
  const words = folded(search).split(/\s+/).filter(Boolean);
  if (!words.length) return new Set();
  const hit = (point: MapPoint) => {
    const text = folded(`${point.title} ${point.artist ?? ''}`);
    return words.every((word) => text.includes(word));
  };
  return new Set(points.filter(hit).map((point) => point.track_id));
}

function folded(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}
