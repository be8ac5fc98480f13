/** What of WebAssembly is used here; Node's types leave it out. */
declare const WebAssembly:
  | undefined
  | {
      readonly Memory: new (limits: { initial: number; maximum: number; shared: true }) => WasmMemory;
      readonly Module: new (bytes: Uint8Array) => object;
      readonly Instance: new (module: object, imports: object) => { readonly exports: { readonly copy: CopyWithin } };
    };

interface WasmMemory {
  readonly buffer: SharedArrayBuffer;
}

/**
 * One slab as threads hand it to each other: a WebAssembly memory that never grows, or a plain SharedArrayBuffer where
 * there is none to be had. Both show the same kind of buffer.
 */
export type SlabMemory = WasmMemory | SharedArrayBuffer;

/** Copies bytes from one place of a slab to another; the two do not overlap. */
export type CopyWithin = (to: number, from: number, bytes: number) => void;

const WASM_PAGE_BYTES = 65_536;

/**
 * Reserves slabs of one size. As WebAssembly memories if they can be: `memory.copy` is the C library's, and moves a node
 * of shared memory in a quarter to a half of the time of `copyWithin`, which goes word by word there. A memory takes eight
 * to ten gigabytes of address space; where that is limited (before Node 24, which then does with less), or WebAssembly
 * switched off (`--jitless`), slabs are plain buffers.
 */
export function reserveSlabs(count: number, bytes: number): SlabMemory[] {
  const pages = bytes / WASM_PAGE_BYTES;
  if (typeof WebAssembly !== 'undefined' && Number.isInteger(pages)) {
    const { Memory } = WebAssembly;
    try {
      return Array.from({ length: count }, () => new Memory({ initial: pages, maximum: pages, shared: true }));
    } catch {
      // Address space is limited: plain buffers need no more of it than they are long.
    }
  }
  return Array.from({ length: count }, () => new SharedArrayBuffer(bytes));
}

export function bufferOf(memory: SlabMemory): SharedArrayBuffer {
  return memory instanceof SharedArrayBuffer ? memory : memory.buffer;
}

/** The fastest copy within that slab. */
export function copyWithinOf(memory: SlabMemory): CopyWithin {
  if (!(memory instanceof SharedArrayBuffer) && typeof WebAssembly !== 'undefined') {
    compiled ??= new WebAssembly.Module(COPY_MODULE);
    return new WebAssembly.Instance(compiled, { slab: { memory } }).exports.copy;
  }
  const all = new Uint8Array(bufferOf(memory));
  return (to, from, bytes) => all.copyWithin(to, from, from + bytes);
}

let compiled: object | undefined;

const text = (name: string) => [name.length, ...Buffer.from(name)];
const section = (id: number, bytes: readonly number[]) => [id, bytes.length, ...bytes];

/**
 * (module
 *   (import "slab" "memory" (memory 0 65536 shared))
 *   (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))
 *
 * in the binary format of the WebAssembly Core Specification, chapter 5, with shared memory (threads) and memory.copy (bulk
 * memory operations). Any memory of up to 65,536 pages fits the import.
 */
const COPY_MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...section(1, [1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0]),
  ...section(2, [1, ...text('slab'), ...text('memory'), 0x02, 0x03, 0x00, 0x80, 0x80, 0x04]),
  ...section(3, [1, 0]),
  ...section(7, [1, ...text('copy'), 0x00, 0]),
  ...section(10, [1, 12, 0, 0x20, 0, 0x20, 1, 0x20, 2, 0xfc, 0x0a, 0x00, 0x00, 0x0b]),
]);
