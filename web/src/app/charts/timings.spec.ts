import { stageRows } from './timings';

it('puts stages into the order of the work and bars into proportion', () => {
  const { rows, total } = stageRows({ align: 0.2, decode: 0.05, total: 0.3 });
  expect(rows.map((row) => [row.name, row.share])).toEqual([
    ['Decode', 0.25],
    ['Align', 1],
  ]);
  expect(total).toBe(0.3);
});

it('sums where there is no total, and survives nothing', () => {
  expect(stageRows({ decode: 0.25, new_stage: 0.5 })).toMatchObject({
    total: 0.75,
    rows: [{ name: 'Decode' }, { name: 'new stage' }],
  });
  expect(stageRows({})).toEqual({ rows: [], total: 0 });
  expect(stageRows({ decode: 0 }).rows[0]!.share).toBe(0);
});
