import { NODE_BYTES_MAX, NODE_BYTES_MIN, TWO_32 } from '../../native-layout/format.js';
import { assert } from '../assert.js';
import { LeaseStoreError } from '../errors.js';
import { bufferOf, type CopyWithin, copyWithinOf, reserveSlabs, type SlabMemory } from './slab-memory.js';

/** What another thread needs to see the same nodes. */
export interface SlabsHandle {
  readonly nodeBytes: number;
  readonly memories: readonly SlabMemory[];
}

/**
 * Slabs are as large as they can be without much more being reserved than was asked for: a node is copied within one
 * slab for a fifth less than from one to another.
 */
const SLAB_BYTES_MIN = 64 * 1024 * 1024;
const SLAB_BYTES_MAX = 1024 * 1024 * 1024;
const SLABS_AT_LEAST = 8;

/**
 * The memory that nodes live in: fixed-size SharedArrayBuffers, all reserved at once, so that no thread can meet a node
 * in a slab that it was not given. Untouched slabs cost address space, not memory.
 *
 * A node id is an index across all slabs; its high bits pick the slab. Id 0 is never used.
 */
export class Slabs {
  readonly nodeBytes: number;
  readonly nodeWords: number;
  /** Ids run from 1 up to, but not including, this. */
  readonly capacity: number;
  readonly words: readonly Uint32Array[];
  readonly bytes: readonly Uint8Array[];
  readonly shift: number;
  readonly mask: number;
  readonly #memories: readonly SlabMemory[];
  /** By slab; made when it is first needed, for readers copy nothing. */
  #copies: readonly CopyWithin[] | undefined;

  constructor(handle: SlabsHandle) {
    const { nodeBytes, memories } = handle;
    const buffers = memories.map(bufferOf);
    const perSlab = buffers[0].byteLength / nodeBytes;
    assert(Number.isInteger(Math.log2(perSlab)), 'nodes per slab must be a power of two');
    this.nodeBytes = nodeBytes;
    this.nodeWords = nodeBytes >>> 2;
    this.capacity = perSlab * buffers.length;
    this.shift = Math.log2(perSlab);
    this.mask = perSlab - 1;
    this.words = buffers.map((buffer) => new Uint32Array(buffer));
    this.bytes = buffers.map((buffer) => new Uint8Array(buffer));
    this.#memories = memories;
  }

  get handle(): SlabsHandle {
    return { nodeBytes: this.nodeBytes, memories: this.#memories };
  }

  /** Copies all bytes of a node over another. */
  copyNode(from: number, to: number): void {
    const slab = from >>> this.shift;
    const target = to >>> this.shift;
    const start = (from & this.mask) * this.nodeBytes;
    const targetStart = (to & this.mask) * this.nodeBytes;
    if (slab !== target) {
      this.bytes[target].set(this.bytes[slab].subarray(start, start + this.nodeBytes), targetStart);
      return;
    }
    this.#copies ??= this.#memories.map(copyWithinOf);
    this.#copies[slab](targetStart, start, this.nodeBytes);
  }

  /** Reserves `memoryBytes` (rounded up to whole slabs) of address space. */
  static reserve(nodeBytes: number, memoryBytes: number): Slabs {
    assert(nodeBytes >= NODE_BYTES_MIN && nodeBytes <= NODE_BYTES_MAX, 'node size out of bounds');
    assert(Number.isInteger(Math.log2(nodeBytes)), 'node size must be a power of two');
    const all = 2 ** Math.ceil(Math.log2(Math.max(memoryBytes, nodeBytes * 16)));
    const share = 2 ** Math.floor(Math.log2(Math.max(memoryBytes / SLABS_AT_LEAST, SLAB_BYTES_MIN)));
    const slabBytes = Math.min(all, share, SLAB_BYTES_MAX);
    const count = Math.max(1, Math.ceil(memoryBytes / slabBytes));
    assert((count * slabBytes) / nodeBytes <= TWO_32, 'more nodes than ids');
    return new Slabs({ nodeBytes, memories: reserve(count, slabBytes) });
  }
}

function reserve(count: number, slabBytes: number): SlabMemory[] {
  try {
    return reserveSlabs(count, slabBytes);
  } catch (cause) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_FULL',
      `cannot reserve ${count} slabs of ${slabBytes} bytes of address space; ` +
        'set a smaller memoryBytesMax, or raise the limit on virtual memory (ulimit -v)',
      { cause },
    );
  }
}
