import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COMMITTED, readmeComparison, withComparison } from './report/readme.js';

/*
 * npm run bench:readme: renders the committed result into the README. From dist/bench up to the top of the project.
 */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const committed = join(ROOT, COMMITTED);
const readme = join(ROOT, 'README.md');

const result = existsSync(committed) ? JSON.parse(readFileSync(committed, 'utf8')) : undefined;
writeFileSync(readme, withComparison(readFileSync(readme, 'utf8'), readmeComparison(result)));
console.log(result === undefined ? `there is no ${COMMITTED}` : `rendered ${COMMITTED} into README.md`);
