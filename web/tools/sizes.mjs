// Measures the built page as browsers load it (gzip), and fails where it has outgrown its budget.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const STATIC = new URL('../../static', import.meta.url).pathname;
/** kB, thousands of bytes. */
const BUDGET = { initial: 115, chunk: 20, charts: 30, all: 260 };

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

/** Charts, with D3: they lie in the parts of the views that show them, whose size is shared by what each is made of. */
const CHARTS = /^src\/app\/charts\/|node_modules\/(d3-|internmap\/)/;
const { outputs } = JSON.parse(readFileSync(new URL('../.angular/stats.json', import.meta.url), 'utf8'));
const bytes = (inputs) => inputs.reduce((total, [, { bytesInOutput }]) => total + bytesInOutput, 0);
const charts = lazy.reduce((total, { file, kB }) => {
  if (!file.startsWith('chunk-')) return total;
  if (!outputs[file]) throw new Error(`${file} is not of the last build: run npm run build`);
  const inputs = Object.entries(outputs[file].inputs);
  const drawn = inputs.filter(([name]) => CHARTS.test(name));
  return drawn.length ? total + (kB * bytes(drawn)) / bytes(inputs) : total;
}, 0);
const found = [
  ['initial load', sum(initial), BUDGET.initial],
  [`largest part loaded later, ${largest.file}`, largest.kB, BUDGET.chunk],
  ['charts', charts, BUDGET.charts],
  ['everything', sum(code), BUDGET.all],
];
for (const [what, kB, most] of found) console.log(`${what}: ${kB.toFixed(1)} kB of ${most}`);
if (found.some(([, kB, most]) => kB > most)) {
  console.error('The page has outgrown its budget (gzip): load more of it later, or drop something.');
  process.exit(1);
}
