import type { LabelModel } from '../api/types';
import { protocolsOf } from './cards';

function model(card: Record<string, unknown>): LabelModel {
  return {
    task: 'genre',
    version: '1',
    active: true,
    shipped: false,
    fault: null,
    kind: 'exclusive',
    labels: ['a', 'b'],
    family: 'logistic',
    view: 'tags',
    extractors: [],
    sha256: null,
    card,
  };
}

it('reads protocols, honest ones first', () => {
  const figures = {
    n: 4,
    accuracy: { value: 0.75, low: 0.5, high: 1 },
    confusion: [
      [2, 0],
      [1, 1],
    ],
    calibration: { error: 0.1, bins: [{ said: 0.7, found: 0.75, queries: 4, share: 1 }] },
    by_label: [{ label: 'a', n: 2, precision: 0.67, recall: 1, f1: 0.8 }],
  };
  const clips = [
    ['x.wav', 0, 0],
    ['y.wav', 1, 0],
  ];
  const found = protocolsOf(
    model({ leaky: [{ name: 'random clips', figures }], honest: [{ name: 'by artist', figures, clips }] }),
  );
  expect(found.map((one) => [one.name, one.leaky])).toEqual([
    ['by artist', false],
    ['random clips', true],
  ]);
  // Without groups random clips stand for honest ones, and are no better than they are.
  expect(protocolsOf(model({ honest: [{ name: 'random clips', leaky: true, figures }] }))[0]!.leaky).toBe(true);
  expect(found[0]).toMatchObject({ n: 4, accuracy: { value: 0.75 }, error: 0.1, confusion: figures.confusion });
  expect(found[0]!.clips[1]).toEqual({ name: 'y.wav', truth: 1, said: 0 });
  expect(found[1]!.clips).toEqual([]);
});

it('takes nothing that has another form: a card may be anybody’s', () => {
  const [one] = protocolsOf(
    model({
      honest: [
        {
          name: 7,
          figures: {
            n: 'many',
            confusion: [[1]],
            accuracy: 3,
            calibration: { bins: [{}] },
            by_label: [{ label: 'a' }],
          },
          clips: [['x', 5, 0], ['y', 0], 'z'],
        },
      ],
      leaky: 'none',
    }),
  );
  expect(one).toMatchObject({
    name: 'unnamed',
    n: null,
    confusion: null,
    accuracy: null,
    bins: [],
    byLabel: [],
    clips: [],
  });
});
