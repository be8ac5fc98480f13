// npm start: from a fresh clone to the demo.
import { runBuilt } from './setup.mjs';

runBuilt('dist/src/cli/main.js', ['demo', ...process.argv.slice(2)]);
