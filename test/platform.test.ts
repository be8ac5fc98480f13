import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { availableCores, checkPlatform } from '../src/platform.js';

const MODULE = new URL('../src/platform.js', import.meta.url).href;
const FLAG = '--no-harmony-sharedarraybuffer';

/** What a Node, started with `flags` and after `prelude`, answers to the check. */
function checkIn(flags: readonly string[], prelude: string): { code?: string; message?: string } {
  const script = `
    ${prelude}
    const { checkPlatform } = await import(${JSON.stringify(MODULE)});
    try { checkPlatform(); console.log('{}'); }
    catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }`;
  const run = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.is(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

test('the runtime of these tests is good enough', () => {
  checkPlatform();
  assert.ok(Number.isInteger(availableCores()) && availableCores() >= 1);
});

test('each missing feature is named', () => {
  const preludes: [string, RegExp][] = [
    ['delete Atomics.wait;', /there is no Atomics\.wait$/],
    ['delete Atomics.waitAsync;', /there is no Atomics\.waitAsync$/],
    [
      "import { createRequire, syncBuiltinESMExports } from 'node:module';" +
        "createRequire(process.cwd() + '/x')('node:zlib').crc32 = undefined; syncBuiltinESMExports();",
      /there is no zlib\.crc32$/,
    ],
    [
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.14.9' } });",
      /Node 20\.14\.9.*needs Node 20\.15 or newer$/,
    ],
    ['delete globalThis.SharedArrayBuffer; delete Atomics.waitAsync;', /SharedArrayBuffer: .*; there is no Atomics/],
  ];
  assert.equal(checkIn([], ''), {});
  for (const [prelude, message] of preludes) {
    const answer = checkIn([], prelude);
    assert.is(answer.code, 'ERR_HOLDFAST_UNSUPPORTED_RUNTIME', prelude);
    assert.match(answer.message ?? '', message);
  }
});

// Later versions of V8 cannot run without shared memory and have dropped the flag.
const flagKnown = spawnSync(process.execPath, [FLAG, '-e', '0']).status === 0;
(flagKnown ? test : test.skip)('a Node without SharedArrayBuffer is refused with the flag to leave out', () => {
  const answer = checkIn([FLAG], '');
  assert.is(answer.code, 'ERR_HOLDFAST_UNSUPPORTED_RUNTIME');
  assert.match(answer.message ?? '', new RegExp(`start Node without ${FLAG}`));
});

test.run();
