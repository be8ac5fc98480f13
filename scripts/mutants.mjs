// npm run mutants [-- --only name] [--list]: plants known bugs in a copy of the project; the tests must find each.
import { runBuilt } from './setup.mjs';

runBuilt('dist/test/mutants/run.js', process.argv.slice(2));
