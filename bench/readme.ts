import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withShown } from './report/marks.js';
import { RENDERED } from './report/readme.js';

/*
 * npm run bench:readme: renders the committed results into the README. From dist/bench up to the top of the project.
 */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const readme = join(ROOT, 'README.md');

let text = readFileSync(readme, 'utf8');
for (const { name, file, render } of RENDERED) {
  const path = join(ROOT, file);
  const result = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
  text = withShown(text, name, render(result));
  console.log(result === undefined ? `there is no ${file}` : `rendered ${file}`);
}
writeFileSync(readme, text);
