// Removes what the build and the tools made; installed packages and cached Node binaries stay.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

for (const made of ['dist', 'coverage']) rmSync(join(root, made), { recursive: true, force: true });
