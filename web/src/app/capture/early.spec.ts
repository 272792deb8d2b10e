import { NEVER, of, throwError, type Observable } from 'rxjs';

import type { Api, ListenHow } from '../api/client';
import type { Listen, Match, Tag } from '../api/types';
import { Early } from './early';

const open = { id: 'l', ended: false, tag: null, perhaps: null } as unknown as Listen;
const match = { title: 'Song' } as Match;
const tag = { id: 't', verdict: 'identified' } as Tag;

function listening(answers: Observable<Listen>[], begun: Observable<Listen> = of(open)) {
  const sent: number[] = [];
  const heard: (Match | Tag | null)[] = [];
  let deleted = 0;
  const api = {
    beginListen: () => begun,
    postPiece: (_id: string, number: number) => {
      sent.push(number);
      return answers[number]!;
    },
    deleteListen: () => {
      deleted++;
      return of(undefined);
    },
  } as unknown as Api;
  const early = new Early(api, { perhaps: (m) => heard.push(m), named: (t) => heard.push(t) });
  return { early, sent, heard, deleted: () => deleted };
}

const settle = () => new Promise((resolve) => setTimeout(resolve));
const piece = new Blob(['sound']);

describe('an early verdict', () => {
  it('guesses, then names, and sends nothing more', async () => {
    const { early, sent, heard } = listening([of({ ...open, perhaps: match }), of({ ...open, ended: true, tag })]);
    for (let i = 0; i < 4; i++) early.add(piece);
    await settle();
    expect(sent).toEqual([0, 1]);
    expect(heard).toEqual([match, tag]);
  });

  it('sends one piece at a time', async () => {
    const { early, sent } = listening([NEVER, of(open)]);
    early.add(piece);
    early.add(piece);
    await settle();
    expect(sent).toEqual([0]);
  });

  it('gives up in silence, and lets the service forget', async () => {
    const { early, sent, heard, deleted } = listening([throwError(() => new Error('gone')), of(open)]);
    early.add(piece);
    early.add(piece);
    await settle();
    expect([sent, heard, deleted()]).toEqual([[0], [], 1]);
  });

  it('never begins where the service does not know it', async () => {
    const { early, sent, heard } = listening(
      [of(open)],
      throwError(() => new Error('404')),
    );
    early.add(piece);
    early.close();
    await settle();
    expect([sent, heard]).toEqual([[], []]);
  });

  it('says nothing after the end, and leaves other verdicts to the whole recording', async () => {
    const other = listening([of({ ...open, ended: true, tag: { ...tag, verdict: 'no_match' } as Tag })]);
    other.early.add(piece);
    await settle();
    expect(other.heard).toEqual([]);
    const closed = listening([of({ ...open, perhaps: match })]);
    closed.early.add(piece);
    closed.early.close();
    await settle();
    expect([closed.heard, closed.deleted()]).toEqual([[], 1]);
  });
});

it('sends signatures of all sound so far where the sound is to stay here', async () => {
  const bodies: number[] = [];
  const begun: boolean[] = [];
  const api = {
    beginListen: (how: ListenHow) => {
      begun.push(how['signatures'] === true);
      return of(open);
    },
    postPiece: (_id: string, _number: number, body: Blob) => {
      bodies.push(body.size);
      return of(open);
    },
    deleteListen: () => of(undefined),
  } as unknown as Api;
  let signed = 0;
  const sign = async () => {
    if (++signed === 1) throw new Error('too short');
    return new Blob([new Uint8Array(signed)]);
  };
  const early = new Early(api, { perhaps: () => undefined, named: () => undefined }, sign);
  for (let i = 0; i < 3; i++) early.add(piece);
  await settle();
  await settle();
  expect(begun).toEqual([true]);
  expect(bodies).toEqual([2, 3]);
});
