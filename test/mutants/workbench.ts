import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestFile } from '../support/test-file.js';
import { type Mutant, plant, testPath } from './mutant.js';

const COPIED = ['src', 'workers', 'native-layout', 'test', 'bench', 'package.json', 'tsconfig.json'];

/** A compiled copy of the project in which bugs are planted, one at a time. */
export class Workbench {
  readonly #directory: string;
  readonly #compiler: string;

  constructor(root: string) {
    this.#directory = mkdtempSync(join(tmpdir(), 'holdfast-mutants-'));
    this.#compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    for (const name of COPIED) cpSync(join(root, name), join(this.#directory, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.#directory, 'node_modules'), 'junction');
    this.#compile();
  }

  /** Runs `work` with the bug in place. */
  async with<T>(mutant: Mutant, work: () => Promise<T>): Promise<T> {
    const path = join(this.#directory, mutant.file);
    const source = readFileSync(path, 'utf8');
    try {
      writeFileSync(path, plant(mutant, source));
      this.#compile();
      return await work();
    } finally {
      writeFileSync(path, source);
    }
  }

  testFile(name: string): TestFile {
    const path = testPath(name);
    return {
      name: path,
      source: join(this.#directory, path),
      compiled: join(this.#directory, 'dist', path.replace(/\.ts$/, '.js')),
    };
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** A bug may leave something unused, and is compiled all the same; what is not even TypeScript is no bug of ours. */
  #compile(): void {
    const args = [this.#compiler, '--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];
    const { status, stdout, error } = spawnSync(process.execPath, args, { cwd: this.#directory, encoding: 'utf8' });
    if (status !== 0) throw new Error(`it does not compile: ${error?.message ?? stdout}`);
  }
}
