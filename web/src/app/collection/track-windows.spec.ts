import { provideHttpClient } from '@angular/common/http';
import { HttpTestingController, provideHttpClientTesting } from '@angular/common/http/testing';
import { type ComponentFixture, TestBed } from '@angular/core/testing';

import type { Track, WindowDetail } from '../api/types';
import { TrackWindows } from './track-windows';

const MIXTURE = { track_id: 't1', weights: [0.5, 0.5], means: [[0, 0, 0], [1, 1, 0]], covariances: [[1, 0, 0, 1, 0, 1], [2, 0, 0, 1, 0, 1]] }; // prettier-ignore

/** Ten windows, one a second; the eighth sounds most like the one that is asked for. */
function answer(number: number, values: Partial<WindowDetail> = {}): WindowDetail {
  const divergence = [12, 11, 12, 8, 2, 0, 3, 9, 12, 4];
  return {
    number,
    track_id: 't1',
    start_s: number,
    end_s: number + 3,
    silent: false,
    mixture: { ...MIXTURE, start_s: number },
    along: { offsets_s: divergence.map((_, index) => index), divergence, average: 9.5 },
    alike: { ...MIXTURE, number: 9, start_s: 9, divergence: 4 },
    ...values,
  };
}

let requests: HttpTestingController;
let fixture: ComponentFixture<TrackWindows>;
const page = () => fixture.nativeElement as HTMLElement;

async function shown(number: number, value: WindowDetail | null): Promise<void> {
  const request = requests.expectOne(`/api/v1/tracks/t1/windows/${number}`);
  if (value) request.flush(value);
  else {
    request.flush(
      { name: 'invalid_parameter', title: '', detail: 'it keeps no mixtures', type: '/problems/invalid_parameter' },
      { status: 422, statusText: '' },
    );
    return;
  }
  await fixture.whenStable();
}

beforeEach(() => {
  TestBed.configureTestingModule({ providers: [provideHttpClient(), provideHttpClientTesting()] });
  requests = TestBed.inject(HttpTestingController);
  fixture = TestBed.createComponent(TrackWindows);
  fixture.componentRef.setInput('track', { id: 't1', n_windows: 10 } as Track);
  TestBed.tick();
});

describe('TrackWindows', () => {
  it('begins in the middle, and says where the track sounds like that again', async () => {
    await shown(5, answer(5));
    expect(page().querySelector('label')?.textContent).toContain('Window 6 of 10, 0:05.0 to 0:08.0');
    const [line, ellipses] = page().querySelectorAll('svg[role=img]');
    // Windows that overlap it are nearer, and count for nothing.
    expect(line?.getAttribute('aria-label')).toBe(
      'Divergence is least, 4.0 nats, in the window at 0:09.0; the average window has 10.',
    );
    expect(line?.querySelector('.peak-label')?.textContent?.trim()).toBe('0:09.0');
    expect(line?.querySelectorAll('.crosshair').length).toBe(1);
    expect(ellipses?.querySelectorAll('.mine').length).toBe(2);
    expect(ellipses?.querySelectorAll('.theirs').length).toBe(2);
    expect(ellipses?.getAttribute('aria-label')).toContain('solid of this window, dashed of the one most alike');
  });

  it('asks for what the slider is left at, and for the one most alike', async () => {
    await shown(5, answer(5));
    const slider = page().querySelector('input')!;
    slider.value = '2';
    slider.dispatchEvent(new Event('change'));
    TestBed.tick();
    expect(slider.getAttribute('aria-valuetext')).toBe('Window 3 of 10');
    expect(page().querySelector('svg')).not.toBeNull(); // the last answer stays meanwhile
    await shown(2, answer(2));
    expect(slider.getAttribute('aria-valuetext')).toBe('Window 3 of 10, 0:02.0 to 0:05.0');
    page().querySelector<HTMLButtonElement>('.button')!.click();
    TestBed.tick();
    await shown(9, answer(9, { alike: null }));
    expect(slider.value).toBe('9');
    expect(page().textContent).toContain('No other window can be compared with this one.');
    expect(page().querySelector('svg')).toBeNull();
  });

  it('says why a catalogue has nothing to show', async () => {
    await shown(5, null);
    await vi.waitFor(() => expect(page().querySelector('[role=alert]')).not.toBeNull());
    expect(page().querySelector('[role=alert]')?.textContent).toContain(
      'Windows cannot be compared It keeps no mixtures.',
    );
  });
});
