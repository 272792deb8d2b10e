// Adds to package-lock.json the platform binaries that the registry used for locking did not offer.
//
// Some packages have one optional dependency for each platform, of exactly their own version. A lock file written
// behind a mirror without, say, the macOS binaries lacks them, and `npm ci` refuses it everywhere. This writes an
// entry for each, without a checksum; platforms that were offered keep theirs. Run it after `npm install`.

import { readFileSync, writeFileSync } from 'node:fs';

const FILE = new URL('../package-lock.json', import.meta.url);
const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const PROCESSORS = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];

const lock = JSON.parse(readFileSync(FILE, 'utf8'));
let added = 0;
for (const [place, holder] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(holder.optionalDependencies ?? {})) {
    if (lock.packages[`${place}/node_modules/${name}`] || lock.packages[`node_modules/${name}`]) continue;
    const words = name.split('/').at(-1).split('-');
    const os = SYSTEMS.filter((system) => words.includes(system));
    const cpu = PROCESSORS.filter((processor) => words.some((word) => word === processor || word === `${processor}hf`));
    if (!/^\d+\.\d+\.\d+$/.test(version) || os.length !== 1 || cpu.length !== 1) {
      throw new Error(`${name} ${version}: not a platform's binary of a fixed version`);
    }
    lock.packages[`node_modules/${name}`] = { version, cpu, ...(holder.dev && { dev: true }), optional: true, os };
    added++;
  }
}
const { '': root, ...rest } = lock.packages;
lock.packages = { '': root, ...Object.fromEntries(Object.entries(rest).sort(([a], [b]) => a.localeCompare(b, 'en'))) };
writeFileSync(FILE, JSON.stringify(lock, null, 2) + '\n');
console.log(`${added} added`);
