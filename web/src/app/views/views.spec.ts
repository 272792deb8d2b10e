import { provideHttpClient } from '@angular/common/http';
import { HttpTestingController, provideHttpClientTesting } from '@angular/common/http/testing';
import { type ComponentFixture, TestBed } from '@angular/core/testing';
import { provideRouter } from '@angular/router';

import type { Job, Tag } from '../api/types';
import { AgreementChartView } from '../charts/agreement-chart';
import { NearestChartView } from '../charts/nearest-chart';
import { match, tag } from '../testing';
import { outcome, recordingOutcome } from './uploads';
import { VerdictCard } from './verdict-card';

/** What is to be read, with a space between any two elements. */
const text = (fixture: ComponentFixture<unknown>) => {
  const words = document.createTreeWalker(fixture.nativeElement as HTMLElement, NodeFilter.SHOW_TEXT);
  const parts: string[] = [];
  while (words.nextNode()) parts.push(words.currentNode.textContent ?? '');
  return parts.join(' ').replace(/[\s\u00a0\u202f]+/g, ' ');
};

beforeEach(() => {
  TestBed.configureTestingModule({ providers: [provideHttpClient(), provideHttpClientTesting(), provideRouter([])] });
});

async function card(value: Tag): Promise<ComponentFixture<VerdictCard>> {
  const fixture = TestBed.createComponent(VerdictCard);
  fixture.componentRef.setInput('tag', value);
  TestBed.tick();
  for (const request of TestBed.inject(HttpTestingController).match(() => true))
    request.flush({ duration_s: 200, created: '2026-03-03T12:00:00Z' });
  await fixture.whenStable();
  return fixture;
}

describe('VerdictCard', () => {
  it('names the track, the place, and how sure it is, in words and as a number', async () => {
    const fixture = await card(tag());
    expect(text(fixture)).toContain('Copper Waltz');
    expect(text(fixture)).toContain('Place in the track 1:23.4');
    expect(text(fixture)).toContain('Almost certain > 99.9 %');
    const line = (fixture.nativeElement as HTMLElement).querySelector('svg[role=img]');
    expect(line?.getAttribute('aria-label')).toBe('Heard from 1:23 to 1:28 of a track of 3:20.');
  });

  it('names both when two fit equally well', async () => {
    const shown = text(await card(tag({ verdict: 'ambiguous' })));
    expect(shown).toContain('Copper Waltz (live)');
    expect(shown).toContain('Two tracks hold this');
  });

  it('names all that tie, and how many there are beyond the list', async () => {
    const five = ['A', 'B', 'C', 'D', 'E'].map((title, index) => match({ track_id: `t${index}`, title }));
    const shown = text(await card(tag({ verdict: 'ambiguous', matches: five, tied: 5 })));
    expect(shown).toContain('Five tracks hold this');
    for (const title of ['A', 'B', 'C', 'D', 'E']) expect(shown).toContain(` ${title} Ida Varga`);
    expect(text(await card(tag({ verdict: 'ambiguous', matches: five, tied: 7 })))).toContain('2 further tracks');
    expect(text(await card(tag({ verdict: 'ambiguous', matches: five, tied: null })))).toContain('Several tracks');
  });

  it('tells copies of one name apart by file, length and date', async () => {
    const copies = ['side a', 'side b'].map((source, index) => match({ track_id: `t${index}`, source }));
    const shown = text(await card(tag({ verdict: 'ambiguous', matches: copies })));
    expect(shown.match(/Copper Waltz/g)).toHaveLength(1);
    expect(shown).toContain('Two tracks of the library are this recording.');
    for (const file of ['side a', 'side b']) expect(shown).toContain(`${file} 3:20 long added 3 Mar 2026`);
  });

  it('says what is peculiar about the recording', async () => {
    const shown = text(await card(tag({ remarks: ['cut_off: the file ends early: 2.0 s are missing'] })));
    expect(shown).toContain('The file ends early: 2.0 s are missing.');
    expect(shown).not.toContain('cut_off');
  });

  it('says that a track is gone only if it is', async () => {
    for (const [status, said] of [
      [404, 'no longer in the library'],
      [500, 'could not be loaded'],
    ] as const) {
      const fixture = TestBed.createComponent(VerdictCard);
      fixture.componentRef.setInput('tag', tag());
      TestBed.tick();
      const server = TestBed.inject(HttpTestingController);
      server.expectOne('/api/v1/tracks/t1').flush('', { status, statusText: 'no' });
      for (const request of server.match('/api/v1/me')) request.flush({ features: [] });
      await fixture.whenStable();
      expect(text(fixture)).toContain(said);
    }
  });

  it('says honestly that it does not know, how far it looked and what sounds alike', async () => {
    const shown = text(await card(tag({ verdict: 'no_match' })));
    expect(shown).toContain('I don’t know this one');
    expect(shown).toContain('14 021 windows');
    expect(shown).toContain('It sounds most like Copper Waltz');
    expect(shown).not.toContain('Almost certain');
  });

  it('admits a search that stopped early', async () => {
    const shown = text(
      await card(
        tag({
          searched: {
            windows: 5,
            aligned_tracks: 1,
            complete: false,
            other_speeds: true,
            nearest_exact: true,
            share: 1,
            wide: false,
          },
        }),
      ),
    );
    expect(shown).toContain('stopped early');
    expect(shown).toContain('1 track.');
  });

  it('says so when the library is empty', async () => {
    const empty = tag({
      verdict: 'no_match',
      matches: [],
      nearest: [],
      searched: {
        windows: 0,
        aligned_tracks: 0,
        complete: true,
        other_speeds: true,
        nearest_exact: true,
        share: 1,
        wide: false,
      },
    });
    expect(text(await card(empty))).toContain('The library is empty');
  });

  it('leaves out what divergence alone cannot tell', async () => {
    const bare = match({ speed: null, agreement: null, z: null, log10_e_value: null, confidence: null });
    const shown = text(await card(tag({ method: 'kl', matches: [bare] })));
    expect(shown).toContain('Divergence 8.2 nats');
    expect(shown).not.toContain('Agreement');
    expect(shown).not.toContain('null');
  });
});

describe('charts', () => {
  it('have a title, a description, words for the drawing, and a table twin', async () => {
    const nearest = TestBed.createComponent(NearestChartView);
    nearest.componentRef.setInput('items', tag().nearest);
    nearest.componentRef.setInput('named', ['t1']);
    const agreement = TestBed.createComponent(AgreementChartView);
    agreement.componentRef.setInput('alignment', { lags_s: [0, 1, 2], agreement: [0, 0.4, 0.1], threshold: 0.2 });
    for (const fixture of [nearest, agreement]) {
      await fixture.whenStable();
      const element = fixture.nativeElement as HTMLElement;
      expect(element.querySelector('figcaption h2')?.textContent).toBeTruthy();
      expect(element.querySelector('figcaption p')?.textContent).toBeTruthy();
      expect(element.querySelector('svg[role=img]')?.getAttribute('aria-label')).toBeTruthy();
      expect(element.querySelector('table')).toBeNull();
      element.querySelector('details')!.open = true;
      element.querySelector('details')!.dispatchEvent(new Event('toggle'));
      await fixture.whenStable();
      expect(element.querySelectorAll('details table tbody tr').length).toBeGreaterThan(0);
      expect(element.innerHTML).not.toContain('NaN');
      expect(element.querySelector('[style]')).toBeNull();
    }
    // Not by colour alone.
    expect(text(nearest)).toContain('8.2 ✓');
    expect(text(nearest)).not.toContain('nearer tracks may be missing');
    nearest.componentRef.setInput('exact', false);
    await nearest.whenStable();
    expect(text(nearest)).toContain('nearer tracks may be missing');
    expect(text(agreement)).toContain('decision threshold');
  });
});

describe('outcome of an upload', () => {
  const job = (status: string, error: { name: string; message: string } | null = null, remarks: string[] = []) =>
    ({
      status: 'done',
      files: [{ name: 'a.mp3', bytes: 1, status, track_id: 't', title: 'A', remarks, error }],
    }) as unknown as Job;

  it('says what is peculiar about the file', () => {
    const remarks = ['channels_cancel: the channels cancel each other for 3.0 s: the loudest is heard there'];
    for (const status of ['added', 'present'])
      expect(outcome(job(status, null, remarks)).message).toContain('. The channels cancel each other for 3.0 s');
  });

  it('tells added, present and failed apart', () => {
    expect(outcome(job('added'))).toMatchObject({ state: 'added', title: 'A' });
    expect(outcome(job('present'))).toMatchObject({ state: 'present' });
    expect(outcome(job('failed', { name: 'audio_empty', message: 'it has 0 bytes' }))).toMatchObject({
      state: 'failed',
      message: 'The file is empty. It has 0 bytes.',
    });
    expect(outcome(null)).toMatchObject({ state: 'failed' });
  });
});

describe('recordingOutcome', () => {
  const job = (values: object) => ({ status: 'done', total: 3600, error: null, ...values }) as unknown as Job;

  it('says how long it was, or why there is none', () => {
    expect(recordingOutcome(job({}))).toEqual({ state: 'added', message: 'Listened to: 1:00:00.' });
    const error = { name: 'audio_unreadable', message: 'no sound' };
    expect(recordingOutcome(job({ error }))).toEqual({
      state: 'failed',
      message: 'This is not a sound file, or it is damaged. No sound.',
    });
    expect(recordingOutcome(job({ error: { name: 'newer_than_this_page', message: '' } })).message).toBe(
      'It could not be listened to.',
    );
    expect(recordingOutcome(job({ status: 'running' }))).toMatchObject({ state: 'failed' });
    expect(recordingOutcome(null)).toMatchObject({ state: 'failed' });
  });
});
