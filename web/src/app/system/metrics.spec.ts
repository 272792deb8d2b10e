import { byLabel, quantile, samples, spreads, total } from './metrics';

const TEXT = `# HELP earmark_requests_total Requests answered.
# TYPE earmark_requests_total counter
earmark_requests_total{method="GET",route="/a \\"b\\"",status="200"} 3.0
earmark_requests_total{method="POST",route="/c",status="200"} 1.0
earmark_stage_seconds_bucket{le="0.1",stage="align"} 2.0
earmark_stage_seconds_bucket{le="1.0",stage="align"} 4.0
earmark_stage_seconds_bucket{le="+Inf",stage="align"} 4.0
earmark_stage_seconds_count{stage="align"} 4.0
earmark_stage_seconds_sum{stage="align"} 2.0
earmark_tracks_missing 0.0
not a sample
`;

it('reads names, labels and values', () => {
  const all = samples(TEXT);
  expect(all).toHaveLength(8);
  expect(all[0]).toEqual({
    name: 'earmark_requests_total',
    labels: { method: 'GET', route: '/a "b"', status: '200' },
    value: 3,
  });
  expect(all[7]).toEqual({ name: 'earmark_tracks_missing', labels: {}, value: 0 });
  expect(total(all, 'earmark_requests_total')).toBe(4);
  expect(total(all, 'earmark_requests_total', { method: 'POST' })).toBe(1);
  expect(byLabel(all, 'earmark_requests_total', 'method')).toEqual([
    { name: 'GET', value: 3 },
    { name: 'POST', value: 1 },
  ]);
});

it('estimates quantiles within buckets', () => {
  const edges = [
    [0.1, 2],
    [1, 4],
    [Infinity, 4],
  ] as const;
  expect(quantile(edges, 0.25)).toBeCloseTo(0.05);
  expect(quantile(edges, 0.5)).toBeCloseTo(0.1);
  expect(quantile(edges, 0.75)).toBeCloseTo(0.55);
  expect(
    quantile(
      [
        [1, 1],
        [Infinity, 10],
      ],
      0.9,
    ),
  ).toBe(1);
  expect(quantile([], 0.5)).toBeNaN();
  const [align] = spreads(samples(TEXT), 'earmark_stage_seconds', 'stage');
  expect(align).toMatchObject({ name: 'align', count: 4, mean: 0.5 });
  expect(align!.p90).toBeCloseTo(0.82);
});
