import { clipsOf, labelTable, tooFew } from './training';

const file = (name: string) => new File(['x'], name);

it('takes labels and groups from names, and keeps what was entered', () => {
  const [first, second, third] = clipsOf([
    file('jazz - Ida Varga - Copper Waltz.flac'),
    file('rock - Loud.wav'),
    file('x.mp3'),
  ]);
  expect([first!.label, first!.group]).toEqual(['jazz', 'Ida Varga']);
  expect([second!.label, second!.group]).toEqual(['rock', '']);
  expect([third!.label, third!.group]).toEqual(['', '']);
  const again = clipsOf([file('x.mp3'), file('y.mp3')], [{ file: file('x.mp3'), label: 'pop', group: '' }]);
  expect(again.map((clip) => clip.label)).toEqual(['pop', '']);
});

it('says what is missing before anything is sent', () => {
  const clip = (label: string, name: string) => ({ file: file(name), label, group: '' });
  expect(tooFew([])).toBe('');
  expect(tooFew([clip('', 'a')])).toBe('1 of 1 recordings have no label yet.');
  expect(tooFew([clip('a', '1'), clip('a', '2')])).toContain('One label');
  expect(tooFew([1, 2, 3].flatMap((n) => [clip('a', `a${n}`)]).concat(clip('b', 'b')))).toContain('b (1)');
  expect(tooFew([1, 2, 3].flatMap((n) => [clip('a', `a${n}`), clip('b', `b${n}`)]))).toBe('');
});

it('writes a table that commas and quotes do not break', () => {
  expect(labelTable([{ file: file('a "b".wav'), label: 'x|y', group: 'p, q' }])).toBe(
    'file,labels,group\n"a ""b"".wav","x|y","p, q"\n',
  );
});
