import type { Mutant } from './mutant.js';

/** Publication, pins and reclaim. */
export const MEMORY_MUTANTS: readonly Mutant[] = [
  {
    name: 'a node is reused that was born in the pinned commit',
    file: 'src/memory/allocator.ts',
    from: 'pin < this.#birth(id)',
    to: 'pin <= this.#birth(id)',
    killedBy: ['memory/allocator'],
  },
  {
    name: 'a node of an older commit is edited in place and reused',
    file: 'src/memory/allocator.ts',
    from: 'if (this.#birth(id) === this.#commit) this.#spare.push(id);',
    to: 'if (this.#birth(id) >= this.#commit - 1) this.#spare.push(id);',
    killedBy: ['memory/allocator'],
  },
  {
    name: 'nodes that one pin held are free when it goes, whoever else needs them',
    file: 'src/memory/allocator.ts',
    from: 'for (const id of ids) this.#settle(id, pin, pins);',
    to: 'for (const id of ids) this.#free.push(id);',
    killedBy: ['memory/allocator'],
  },
  {
    name: 'nodes of a group that failed are lost',
    file: 'src/memory/allocator.ts',
    from: 'for (let i = 0; i < this.#born.size; i++) this.#free.push(this.#born.at(i));',
    to: '',
    killedBy: ['memory/allocator'],
  },
  {
    name: 'a group that failed retires nodes all the same',
    file: 'src/memory/allocator.ts',
    from: `    this.#born.clear();
    this.#retiring.clear();
    this.#spare.clear();`,
    to: `    this.#born.clear();
    this.#spare.clear();`,
    killedBy: ['memory/allocator'],
  },
  {
    name: 'nodes are freed without a look at the pins',
    file: 'src/shard/memory-guard.ts',
    from: 'else if (allocator.retired >= RECLAIM_LOT) allocator.reclaim(commits.scanPins().commits);',
    to: 'else if (allocator.retired >= RECLAIM_LOT) allocator.reclaim([]);',
    killedBy: ['shard/memory'],
  },
  {
    name: 'a pinned slot is filled again',
    file: 'src/memory/commits.ts',
    from: 'forEachPin(this.#control, (slot) => taken.add(slot));',
    to: '',
    killedBy: ['memory/commits'],
  },
  {
    name: 'the published slot is filled again',
    file: 'src/memory/commits.ts',
    from: 'new Set<number>([this.#control.current])',
    to: 'new Set<number>()',
    killedBy: ['memory/commits'],
  },
  {
    name: 'pins of snapshots at rest are overlooked',
    file: 'src/memory/commits.ts',
    from: 'if (pin !== 0 && pin !== layout.PIN_OUSTED) visit',
    to: 'if (pin > 0) visit',
    killedBy: ['memory/pins'],
  },
  {
    name: 'a pin in use is taken away',
    file: 'src/memory/commits.ts',
    from: 'const idle = pin < 0;',
    to: 'const idle = pin !== 0;',
    killedBy: ['memory/commits'],
  },
  {
    name: 'a snapshot is taken away before its deadline',
    file: 'src/memory/commits.ts',
    from: 'words[row + layout.ROW_DEADLINES + i] > storeSeconds',
    to: 'words[row + layout.ROW_DEADLINES + i] > storeSeconds + 1',
    killedBy: ['memory/commits'],
  },
  {
    name: 'a commit is current before its slot is filled',
    file: 'src/memory/commits.ts',
    from: 'const at = layout.commitSlotIndex(slot);',
    to: 'const at = layout.commitSlotIndex(slot);\n    Atomics.store(this.#control.signed, layout.CURRENT, slot);',
    killedBy: ['memory/commits'],
  },
  {
    name: 'a pin that came too late is believed',
    file: 'src/memory/pins.ts',
    from: 'if (Atomics.load(signed, layout.CURRENT) === slot) return;',
    to: 'return;',
    killedBy: ['memory/pins'],
  },
  {
    name: 'a snapshot that was ousted is taken up again',
    file: 'src/memory/pins.ts',
    from: 'return resting < 0 && ',
    to: 'return ',
    killedBy: ['memory/commits', 'memory/pins'],
  },
  {
    name: 'who lost a pin lets go of its next holder’s',
    file: 'src/memory/pins.ts',
    from: 'if (this.#isHeld(pin)) this.release(pin);',
    to: 'this.release(pin);',
    killedBy: ['memory/pins'],
  },
  {
    name: 'a dead thread’s pins stay',
    file: 'src/memory/pins.ts',
    from: 'for (let i = 0; i < layout.PINS_PER_ROW; i++) Atomics.store(control.signed, at + i, 0);',
    to: '',
    killedBy: ['memory/pins'],
  },
  {
    name: 'the durable LSN of shared memory goes back',
    file: 'src/memory/control.ts',
    from: 'while (seen < wanted) {',
    to: 'while (seen !== wanted) {',
    killedBy: ['memory/control'],
  },
];
