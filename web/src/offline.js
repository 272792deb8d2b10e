// Service worker: opens the page where the network fails. Everything is asked of the network first, so that an updated
// service is seen at once; only the files of the page itself are kept, never an answer of the service or a key.
// web/tools/offline.mjs writes before it FILES, a digest or nothing for the path of each, and VERSION.
const KEPT = 'earmark-page-';
const GATEWAY = [502, 503, 504];

/** Keep all files of this version or none: what its name does not vouch for is held against its digest. */
async function keep() {
  const cache = await caches.open(KEPT + VERSION);
  await cache.addAll(Object.entries(FILES).map(([path, integrity]) => new Request(path, { integrity })));
  await self.skipWaiting();
}

/** Forget other versions of the page; without a version, all. */
async function forget(version) {
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(KEPT) && name !== KEPT + version).map((n) => caches.delete(n)),
  );
}

/** Go with the page: whatever is served at this address now has no such worker. */
async function leaveIfGone() {
  const { status } = await fetch(self.location, { method: 'HEAD', cache: 'no-store' });
  if (status !== 404 && status !== 410) return;
  await self.registration.unregister();
  await forget();
}

async function answer(request, path) {
  const cached = () => caches.match(path, { cacheName: KEPT + VERSION });
  try {
    const found = await fetch(request);
    return (GATEWAY.includes(found.status) && (await cached())) || found;
  } catch {
    return (await cached()) ?? Response.error();
  }
}

self.addEventListener('install', (event) => event.waitUntil(keep()));
self.addEventListener('activate', (event) => event.waitUntil(forget(VERSION).then(() => self.clients.claim())));
self.addEventListener('fetch', (event) => {
  const { method, mode, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== 'GET' || origin !== self.location.origin || /^\/(api|problems)\//.test(pathname)) return;
  const opening = mode === 'navigate';
  const path = opening ? '/' : pathname;
  if (!(path in FILES)) return;
  event.respondWith(answer(event.request, path));
  if (opening) event.waitUntil(leaveIfGone().catch(() => undefined));
});
