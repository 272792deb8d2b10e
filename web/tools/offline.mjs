// Tells the service worker, as it was built of src/offline.js, the files of this build. What those are made of is no file of
// the page, and goes to tools/sizes.mjs.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const STATIC = new URL('../../static', import.meta.url).pathname;
// Where Angular keeps its cache; a machine that sets CI has no cache, nor the folder.
const CACHE = new URL('../.angular/', import.meta.url);
mkdirSync(CACHE, { recursive: true });
renameSync(join(STATIC, 'stats.json'), new URL('stats.json', CACHE));

const WORKER = join(STATIC, 'offline.js');
/** What no view needs: for search engines and lawyers, and what only an installation asks for. */
const LEFT = /^(offline\.js|.*\.txt|icon-.*|prerendered-routes\.json)$/;
/** Names that change with the content. */
const HASHED = /^(chunk|worker)-/;

const digest = (content) => createHash('sha256').update(content).digest('base64');

const files = {};
for (const file of readdirSync(STATIC).sort()) {
  if (LEFT.test(file)) continue;
  const path = file === 'index.html' ? '/' : `/${file}`;
  files[path] = HASHED.test(file) ? '' : `sha256-${digest(readFileSync(join(STATIC, file)))}`;
}
const list = JSON.stringify(files);
const worker = readFileSync(WORKER, 'utf8');
writeFileSync(WORKER, `const FILES=${list},VERSION=${JSON.stringify(digest(list).slice(0, 8))};${worker}`);
