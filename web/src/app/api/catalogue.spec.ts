import { HttpClient, provideHttpClient, withInterceptors } from '@angular/common/http';
import { HttpTestingController, provideHttpClientTesting } from '@angular/common/http/testing';
import { TestBed } from '@angular/core/testing';

import { CatalogueChoice, withCatalogue } from './catalogue';

it('asks of the catalogue that was chosen, unless an address names another', () => {
  TestBed.configureTestingModule({
    providers: [provideHttpClient(withInterceptors([withCatalogue])), provideHttpClientTesting()],
  });
  const [http, server] = [TestBed.inject(HttpClient), TestBed.inject(HttpTestingController)];
  const asked = (url: string) => {
    http.get(url).subscribe();
    const { request } = server.expectOne(() => true);
    return request.urlWithParams;
  };
  TestBed.inject(CatalogueChoice).name.set('mine');
  expect(asked('/api/v1/tracks')).toBe('/api/v1/tracks?catalogue=mine');
  expect(asked('/api/v1/tracklists?include=tags,genre')).toBe('/api/v1/tracklists?include=tags,genre&catalogue=mine');
  expect(asked('/api/v1/tracks?catalogue=other')).toBe('/api/v1/tracks?catalogue=other');
  expect(asked('/api/v1/tracks/t1')).toBe('/api/v1/tracks/t1');
  TestBed.inject(CatalogueChoice).name.set('');
  expect(asked('/api/v1/tracks')).toBe('/api/v1/tracks');
});
