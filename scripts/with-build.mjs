// node scripts/with-build.mjs dist/FILE.js [args]: builds first, so that what runs is what is written.
import { fail, runBuilt } from './setup.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) fail('usage: node scripts/with-build.mjs dist/FILE.js [args]');
runBuilt(file, args);
