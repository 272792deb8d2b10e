// Builds the page into ../static, with the parts that always load together in one file: a name for each of them, and a
// dictionary of its own for each when it is compressed, made the first load a twentieth larger. Angular reads this switch
// from the environment alone, which scripts of npm cannot set alike on all systems. What each file is made of is written
// down for tools/sizes.mjs.
process.env.NG_BUILD_OPTIMIZE_CHUNKS = 'true';
process.argv.splice(2, 0, 'build', '--stats-json');
await import('@angular/cli/bin/ng.js');
