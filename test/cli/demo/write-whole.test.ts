import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const BYTES = 4 << 20;
const WRITER = `
  import(process.argv[1]).then(({ writeWhole }) => {
    process.stdout._handle?.setBlocking?.(false);
    writeWhole(1, new Uint8Array(${BYTES}).fill(7));
  });
`;

test('writes on once a slow reader has made room, also into a pipe that does not block', async () => {
  const module = new URL('../../../src/cli/demo/write-whole.js', import.meta.url).href;
  const child = spawn(process.execPath, ['-e', WRITER, module], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  await sleep(300);
  let received = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  assert.is(await ended, 0);
  assert.is(received, BYTES);
});

test.run();
