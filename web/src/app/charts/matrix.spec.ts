import { matrixOf, STEPS } from './matrix';

const COUNTS = [
  [6, 2, 0],
  [1, 3, 0],
  [0, 0, 0],
];

it('has truth in its rows and answers in its columns', () => {
  const matrix = matrixOf(COUNTS, 'counts');
  expect(matrix.recall).toEqual([6 / 8, 3 / 4, null]);
  expect(matrix.precision).toEqual([6 / 7, 3 / 5, null]);
  expect([matrix.right, matrix.total]).toEqual([9, 12]);
  expect(matrix.rows[0]!.map((cell) => cell.text)).toEqual(['6', '2', '0']);
  expect(matrix.rows[0]![1]).toMatchObject({ row: 0, column: 1, count: 2 });
});

it('shows shares of rows or of columns', () => {
  expect(matrixOf(COUNTS, 'recall').rows[0]!.map((cell) => cell.text)).toEqual(['75', '25', '0']);
  expect(matrixOf(COUNTS, 'precision').rows.map((row) => row[0]!.text)).toEqual(['86', '14', '0']);
  expect(matrixOf(COUNTS, 'precision').rows[2]![2]!.text).toBe('–');
});

it('is darker where there is more', () => {
  const [first] = matrixOf(COUNTS, 'recall').rows;
  expect(first!.map((cell) => cell.step)).toEqual([6, 2, 0]);
  expect(matrixOf([[5]], 'counts').rows[0]![0]!.step).toBe(STEPS);
});
