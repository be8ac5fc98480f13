import { spawnSync } from 'node:child_process';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bufferOf, copyWithinOf, reserveSlabs, type SlabMemory } from '../../src/memory/slab-memory.js';

const MIB = 1 << 20;

const isPlain = (memory: SlabMemory) => memory instanceof SharedArrayBuffer;

for (const [kind, bytes, plain] of [
  ['WebAssembly memory', MIB, false],
  ['plain buffer, which a slab shorter than a page of WebAssembly is', 32_768, true],
] as const) {
  test(`copies within a ${kind}`, () => {
    const [memory] = reserveSlabs(1, bytes);
    assert.is(isPlain(memory), plain);
    const view = new Uint8Array(bufferOf(memory));
    assert.is(view.length, bytes);
    for (let i = 0; i < 2048; i++) view[4096 + i] = i % 251;
    copyWithinOf(memory)(bytes - 2048, 4096, 2048);
    assert.equal(view.slice(bytes - 2048), view.slice(4096, 4096 + 2048));
    assert.is(view[bytes - 2049], 0);
  });

  test(`another thread is handed the same ${kind}`, () => {
    const [memory] = reserveSlabs(1, bytes);
    const { port1, port2 } = new MessageChannel();
    port1.postMessage(memory);
    const received = receiveMessageOnPort(port2)?.message as SlabMemory;
    port1.close();
    new Uint8Array(bufferOf(received))[17] = 42;
    assert.is(new Uint8Array(bufferOf(memory))[17], 42);
    copyWithinOf(received)(0, 17, 1);
    assert.is(new Uint8Array(bufferOf(memory))[0], 42);
  });
}

const KIND = `
  import(process.argv[1]).then(({ reserveSlabs }) => {
    console.log(reserveSlabs(2, 1 << 20).map((slab) => (slab instanceof SharedArrayBuffer ? 'plain' : 'wasm')).join());
  });
`;

function kindsIn(node: string): string {
  const module = new URL('../../src/memory/slab-memory.js', import.meta.url).href;
  const { stdout, stderr } = spawnSync('sh', ['-c', node, process.execPath, '-e', KIND, module]);
  return stdout.toString().trim() || stderr.toString();
}

test('slabs are plain buffers where WebAssembly is off or address space is short', () => {
  assert.is(kindsIn('exec "$0" "$@"'), 'wasm,wasm');
  assert.is(kindsIn('exec "$0" --jitless "$@"'), 'plain,plain');
  // From Node 24 on a memory does with less address space where there is no more to be had.
  const short = Number(process.versions.node.split('.')[0]) < 24 ? 'plain,plain' : 'wasm,wasm';
  if (process.platform === 'linux') assert.is(kindsIn('ulimit -v 8000000 && exec "$0" "$@"'), short);
});

test.run();
