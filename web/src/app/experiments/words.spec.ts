import type { Experiment } from '../api/types';
import { cellName, compared, optionWords, stateWords, tableOf } from './words';

const share = (value: number) => ({ value, low: value - 0.1, high: value + 0.1 });
const row = (condition: string, value: number) => ({
  condition,
  known: 10,
  unknown: 2,
  right: share(value),
  identified: share(value),
  wrong: share(0),
  false_names: share(0),
  offset_error_s: null,
  margin: null,
  log10_e_right: null,
  log10_e_other: null,
});

function experiment(values: Partial<Experiment> = {}): Experiment {
  return {
    id: 'e1',
    kind: 'validate',
    created: '2026-03-04T20:15:00Z',
    finished: null,
    catalogue: 'default',
    files: ['a.flac', 'b.flac'],
    options: { cut: 5, length_s: 5, conditions: 'clean,room', seed: 0, method: null },
    status: 'done',
    error: null,
    headline: { known: 10, unknown: 2, right: 0.9, identified: 0.8, wrong: 0, false_names: 0.5 },
    total: 10,
    done: 10,
    stage: null,
    summary: {
      rows: [row('all', 0.8), row('clean', 1)],
      calibration_error: null,
      calibration: [],
      confused: [],
      faults: [],
    },
    cells: [],
    refused: [],
    choice: [],
    warning: null,
    ...values,
  };
}

it('says what was asked, and where it stands', () => {
  expect(optionWords(experiment())).toBe('2 files · 5 snippets of 5 s for each of clean,room');
  expect(stateWords(experiment())).toBe('80\u202f% of 10 named rightly, 50\u202f% of 2 unknown ones named');
  expect(stateWords(experiment({ status: 'running', done: 0 }))).toBe('Waiting to begin');
  expect(stateWords(experiment({ status: 'running', done: 3 }))).toBe('3 of 10 answers');
  expect(stateWords(experiment({ status: 'failed', error: { name: 'x', message: 'No sound.' } }))).toBe(
    'Failed: No sound.',
  );
});

it('puts experiments beside each other by what they share', () => {
  const other = experiment({
    id: 'e2',
    summary: { ...experiment().summary!, rows: [row('all', 0.5), row('bar', 0.1)] },
  });
  const groups = compared([experiment(), other], 'identified');
  expect(groups.map((group) => group.name)).toEqual(['all', 'clean', 'bar']);
  expect(groups.map((group) => group.shares.map((one) => one.value))).toEqual([
    [0.8, 0.5],
    [1, null],
    [null, 0.1],
  ]);
});

it('writes tables that a comma or a quote in a name does not break', () => {
  expect(tableOf([{ file: 'a, "b".wav', track: '' }])).toBe('file,track\n"a, ""b"".wav",""\n');
  expect(cellName({ n_components: 4, covariance_type: 'full' })).toBe('n_components 4, covariance_type full');
});
