// npm test [-- name ...]: from a fresh clone to the suite. --long runs the long form of the tests that have one.
import { runBuilt } from './setup.mjs';

const args = process.argv.slice(2);
const names = args.filter((arg) => arg !== '--long');
runBuilt('dist/test/run.js', names, names.length < args.length ? { HOLDFAST_TEST: 'long' } : {});
