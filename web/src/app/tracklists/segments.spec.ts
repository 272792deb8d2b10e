import { segment } from '../testing';
import { editOf, enteredOf, secondsOf, segmentName, sureWords } from './segments';

it('names what sounds, and says how sure that is and who says so', () => {
  expect(segmentName(segment())).toBe('Copper Waltz by Ida Varga');
  expect(segmentName(segment({ kind: 'speech_noise' }))).toBe('Speech or noise');
  expect(segmentName(segment({ title: null, artist: null }))).toBe('copper-waltz');
  expect(sureWords(segment())).toBe('Almost certain (>\u202f99.9\u202f%)');
  expect(sureWords(segment({ state: 'perhaps', confidence: 0.8 }))).toBe('Not decided yet: likely (80\u202f%)');
  expect(sureWords(segment({ by_hand: true }))).toBe('Corrected by hand');
});

it('reads times as people write them', () => {
  expect(secondsOf(' 1:02:03.4 ')).toBeCloseTo(3723.4);
  expect(secondsOf('2:05')).toBe(125);
  expect(secondsOf('90:00')).toBe(5400);
  expect(secondsOf('12,5')).toBe(12.5);
  for (const wrong of ['', 'now', '1:60', '1:75:00', '-3', '1:2:3:4', '1:', '5s']) expect(secondsOf(wrong)).toBeNull();
});

describe('a correction', () => {
  const heard = segment();
  const entered = enteredOf(heard);

  it('is nothing where nothing was changed', () => {
    expect(editOf(heard, entered)).toEqual({});
  });

  it('sends what was changed, and names as a whole', () => {
    expect(editOf(heard, { ...entered, title: ' My edit ' })).toEqual({
      title: 'My edit',
      artist: 'Ida Varga',
      album: null,
    });
    expect(editOf(heard, { ...entered, start: '0:02' })).toEqual({ start_s: 2 });
  });

  it('names a track of the library by its id alone', () => {
    expect(editOf(heard, { ...entered, track_id: 't2', title: 'x' })).toEqual({ track_id: 't2' });
  });

  it('makes a track of unknown music only with a name', () => {
    const unknown = segment({ kind: 'unknown', track_id: null, title: null, artist: null, source: null });
    const form = { ...enteredOf(unknown), kind: 'track' as const };
    expect(editOf(unknown, form)).toMatch('Enter a title');
    expect(editOf(unknown, { ...form, title: 'Mine' })).toEqual({
      kind: 'track',
      title: 'Mine',
      artist: null,
      album: null,
    });
    expect(editOf(heard, { ...entered, kind: 'silence' })).toEqual({ kind: 'silence' });
  });

  it('refuses what is no time, and an end before the start', () => {
    expect(editOf(heard, { ...entered, end: 'soon' })).toMatch('is no time');
    expect(editOf(heard, { ...entered, end: '0:00' })).toMatch('end after');
    expect(editOf(heard, { ...entered, title: '' })).toMatch('Enter a title');
  });
});
