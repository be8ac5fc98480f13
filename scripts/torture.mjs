// npm run torture [-- --minutes N] [--seed S] [--only kill,strace,...]: real faults against real processes and files.
import { runBuilt } from './setup.mjs';

runBuilt('dist/test/torture/main.js', process.argv.slice(2));
