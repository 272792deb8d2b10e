/** What the service counts of itself, from Prometheus' text format. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', '"': '"', '\\': '\\' };

/** Samples of a page of metrics; comments and what cannot be read are passed over. */
export function samples(text: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    const found = LINE.exec(line);
    if (!found) return [];
    const labels = Object.fromEntries(
      [...(found[2] ?? '').matchAll(LABEL)].map((match) => [
        match[1]!,
        match[2]!.replace(/\\(.)/g, (_, escaped: string) => ESCAPES[escaped] ?? escaped),
      ]),
    );
    const value = found[3] === '+Inf' ? Infinity : found[3] === '-Inf' ? -Infinity : Number(found[3]);
    return Number.isNaN(value) ? [] : [{ name: found[1]!, labels, value }];
  });
}

/** Sum of the samples of a name, of some labels alone if they are given. */
export function total(all: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  return all
    .filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
    .reduce((sum, one) => sum + one.value, 0);
}

/** Values of a label, with the sum of each, the greatest first. */
export function byLabel(all: readonly Sample[], name: string, label: string): { name: string; value: number }[] {
  const sums = new Map<string, number>();
  for (const one of all) {
    const key = one.labels[label];
    if (one.name === name && key !== undefined) sums.set(key, (sums.get(key) ?? 0) + one.value);
  }
  return [...sums].map(([key, value]) => ({ name: key, value })).sort((a, b) => b.value - a.value);
}

export interface Spread {
  readonly name: string;
  readonly count: number;
  readonly mean: number;
  readonly median: number;
  readonly p90: number;
}

/** Of a histogram, what is known of each value of a label; seconds. */
export function spreads(all: readonly Sample[], name: string, label: string): Spread[] {
  return byLabel(all, `${name}_count`, label)
    .filter(({ value }) => value > 0)
    .map(({ name: key, value: count }) => {
      const buckets = new Map<number, number>();
      for (const one of all)
        if (one.name === `${name}_bucket` && one.labels[label] === key) {
          const edge = one.labels['le'] === '+Inf' ? Infinity : Number(one.labels['le']);
          buckets.set(edge, (buckets.get(edge) ?? 0) + one.value);
        }
      const edges = [...buckets].sort((a, b) => a[0] - b[0]);
      const mean = total(all, `${name}_sum`, { [label]: key }) / count;
      return { name: key, count, mean, median: quantile(edges, 0.5), p90: quantile(edges, 0.9) };
    });
}

/**
 * A quantile of a histogram of cumulative counts, evenly spread within each bucket; what lies beyond the last edge counts as
 * lying on it. As Prometheus' `histogram_quantile` estimates it.
 */
export function quantile(edges: readonly (readonly [number, number])[], share: number): number {
  const all = edges[edges.length - 1]?.[1] ?? 0;
  if (!all) return NaN;
  const rank = share * all;
  const at = edges.findIndex(([, count]) => count >= rank);
  const [edge, count] = edges[at]!;
  const [low, below] = at > 0 ? edges[at - 1]! : [0, 0];
  if (edge === Infinity) return low;
  return count > below ? low + ((edge - low) * (rank - below)) / (count - below) : edge;
}
