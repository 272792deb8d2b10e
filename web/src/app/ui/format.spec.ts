import {
  bytes,
  clock,
  confidenceWords,
  count,
  day,
  duration,
  fixed,
  minus,
  percent,
  power,
  speedWords,
} from './format';

const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ');

describe('clock', () => {
  it.each([
    [0, 0, '0:00'],
    [83.4, 0, '1:23'],
    [83.4, 1, '1:23.4'],
    [59.96, 1, '1:00.0'],
    [3723, 0, '1:02:03'],
    [-1.25, 1, '−0:01.3'],
    [-0.01, 1, '0:00.0'],
  ] as const)('%d s with %d digits is %s', (seconds, digits, text) => {
    expect(clock(seconds, digits)).toBe(text);
  });
});

describe('percent', () => {
  it.each([
    [0.5, '50 %'],
    [0.942, '94 %'],
    [0.99, '99 %'],
    [0.9959, '99.5 %'],
    [0.9995, '> 99.9 %'],
    [1, '> 99.9 %'],
    [0.004, '0.4 %'],
    [0, '< 0.1 %'],
  ])('%d is %s', (probability, text) => {
    expect(plain(percent(probability))).toBe(text);
  });
});

it('puts a probability into words, most certain first', () => {
  expect([0.999, 0.95, 0.8, 0.5, 0.1].map(confidenceWords)).toEqual([
    'Almost certain',
    'Very likely',
    'Likely',
    'Uncertain',
    'Unlikely',
  ]);
});

it('writes expected counts as powers of ten, or plainly near one', () => {
  expect([-84.6, -2, -0.52, 1.08, 5].map(power)).toEqual(['10⁻⁸⁵', '10⁻²', '0.3', '12', '10⁵']);
});

it('writes lengths of time', () => {
  expect([0, 0.0021, 0.118, 1.234].map((seconds) => plain(duration(seconds)))).toEqual([
    '0 ms',
    '2.1 ms',
    '118 ms',
    '1.23 s',
  ]);
});

it('writes sizes in powers of ten', () => {
  expect([999, 1500, 999_499, 999_500, 12_345_678].map((size) => plain(bytes(size)))).toEqual([
    '999 B',
    '2 kB',
    '999 kB',
    '1.0 MB',
    '12.3 MB',
  ]);
});

it('writes numbers with true minus signs and parted thousands', () => {
  expect(fixed(-0.456, 2)).toBe('−0.46');
  expect(fixed(-0.001, 2)).toBe('0.00');
  expect(minus('-0.10')).toBe('−0.10');
  expect(plain(count(1234567))).toBe('1 234 567');
});

it('says how far the speed is off', () => {
  expect([1, 1.0004, 1.013, 0.97].map((speed) => plain(speedWords(speed)))).toEqual([
    'as recorded',
    'as recorded',
    '1.3 % fast',
    '3.0 % slow',
  ]);
});

it('names days by the local calendar', () => {
  const now = new Date(2026, 2, 4, 0, 30);
  expect(day(new Date(2026, 2, 4, 0, 5), now)).toBe('Today');
  expect(day(new Date(2026, 2, 3, 23, 55), now)).toBe('Yesterday');
  expect(day(new Date(2026, 2, 2, 12), now)).toMatch(/^Monday,? 2 March 2026$/);
});
