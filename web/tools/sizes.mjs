// Measures the built page as browsers load it (gzip), and fails where it has outgrown its budget.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const STATIC = new URL('../../static', import.meta.url).pathname;
/** kB, thousands of bytes. */
const BUDGET = { initial: 120, chunk: 20, all: 270 };

const size = (file) => gzipSync(readFileSync(join(STATIC, file)), { level: 9 }).length / 1000;
const imports = (file) =>
  [...readFileSync(join(STATIC, file), 'utf8').matchAll(/(?:from|import)\s*"\.\/([\w-]+\.js)"/g)].map(
    (found) => found[1],
  );

const initial = new Set(['index.html', 'theme.js', 'styles.css']);
const waiting = ['main.js'];
while (waiting.length) {
  const file = waiting.pop();
  if (initial.has(file)) continue;
  initial.add(file);
  waiting.push(...imports(file));
}
const code = readdirSync(STATIC).filter((file) => /\.(js|css|html)$/.test(file));
const sum = (files) => [...files].reduce((total, file) => total + size(file), 0);
const lazy = code.filter((file) => !initial.has(file)).map((file) => ({ file, kB: size(file) }));
const largest = lazy.reduce((a, b) => (a.kB > b.kB ? a : b));
const found = [
  ['initial load', sum(initial), BUDGET.initial],
  [`largest part loaded later, ${largest.file}`, largest.kB, BUDGET.chunk],
  ['everything', sum(code), BUDGET.all],
];
for (const [what, kB, most] of found) console.log(`${what}: ${kB.toFixed(1)} kB of ${most}`);
if (found.some(([, kB, most]) => kB > most)) {
  console.error('The page has outgrown its budget (gzip): load more of it later, or drop something.');
  process.exit(1);
}
