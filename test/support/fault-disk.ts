import { assert } from '../../src/assert.js';

/*
 * What a disk holds and what it may hold after a crash. Each file and directory keeps its durable state and, in order,
 * the changes made since. A sync turns changes into certain ones; the others are open: a crash decides each by itself.
 */

const SECTOR_BYTES = 512;

/** What a crash made of one change. A change that is not a write is only ever kept or dropped. */
export type Fate =
  | 'kept'
  | 'dropped'
  /** Only the first bytes of the write got there, and the file ends with them or where it ended before. */
  | { readonly tornAfterBytes: number }
  /** The file got its length, but of the data only the sectors (counted in the file) that the test accepts. */
  | { readonly sectorsKept: (sector: number) => boolean };

/** `open`: a crash decides it, a sync settles it. `lost`: a sync of it failed, so that no later one settles it. */
type State = 'open' | 'lost' | 'synced';

interface Change {
  /** Rises over the whole disk. */
  readonly order: number;
  state: State;
}

export interface Write extends Change {
  readonly kind: 'write';
  readonly position: number;
  readonly bytes: Uint8Array;
}

interface Resize extends Change {
  readonly kind: 'resize';
  readonly length: number;
}

/** Names in one directory, changed together: `gone` is free after it, `name` stands for `inode`. */
interface Relink extends Change {
  readonly kind: 'relink';
  readonly gone?: string;
  readonly name?: string;
  readonly inode?: Inode;
}

export type AnyChange = Write | Resize | Relink;
export type Decide = (change: AnyChange) => Fate;
export type Inode = FileInode | DirectoryInode;

export class FileInode {
  readonly kind = 'file';
  /** Shared with other images until the first change: never written. */
  #durable: Uint8Array;
  #changes: (Write | Resize)[] = [];
  #cached: Content;

  constructor(durable: Uint8Array) {
    this.#durable = durable;
    this.#cached = new Content(durable);
  }

  get bytes(): Uint8Array {
    return this.#cached.view();
  }

  write(order: number, position: number, bytes: Uint8Array): void {
    this.#change({ kind: 'write', order, state: 'open', position, bytes: bytes.slice() });
  }

  resize(order: number, length: number): void {
    this.#change({ kind: 'resize', order, state: 'open', length });
  }

  #change(change: Write | Resize): void {
    this.#changes.push(change);
    applyToContent(this.#cached, change, 'kept');
  }

  sync(): void {
    settle(this.#changes);
    if (this.#changes.some((change) => change.state === 'lost')) return;
    this.#durable = this.#cached.view().slice();
    this.#changes = [];
  }

  failSync(): void {
    lose(this.#changes);
  }

  collectUndecided(into: Set<AnyChange>): void {
    for (const change of this.#changes) if (change.state !== 'synced') into.add(change);
  }

  afterCrash(decide: Decide): FileInode {
    const content = new Content(this.#durable);
    for (const change of this.#changes) applyToContent(content, change, fateOf(change, decide));
    return new FileInode(content.view());
  }

  clone(): FileInode {
    const clone = new FileInode(this.#durable);
    for (const change of this.#changes) clone.#change({ ...change });
    return clone;
  }
}

export class DirectoryInode {
  readonly kind = 'directory';
  #durable: ReadonlyMap<string, Inode>;
  #changes: Relink[] = [];
  readonly #cached: Map<string, Inode>;

  constructor(durable: ReadonlyMap<string, Inode> = new Map()) {
    this.#durable = durable;
    this.#cached = new Map(durable);
  }

  get entries(): ReadonlyMap<string, Inode> {
    return this.#cached;
  }

  link(order: number, name: string, inode: Inode): void {
    this.#change({ kind: 'relink', order, state: 'open', name, inode });
  }

  unlink(order: number, gone: string): void {
    this.#change({ kind: 'relink', order, state: 'open', gone });
  }

  rename(order: number, gone: string, name: string): void {
    const inode = this.#cached.get(gone);
    assert(inode !== undefined, 'rename of nothing');
    this.#change({ kind: 'relink', order, state: 'open', gone, name, inode });
  }

  #change(change: Relink): void {
    this.#changes.push(change);
    applyToEntries(this.#cached, change);
  }

  sync(): void {
    settle(this.#changes);
    if (this.#changes.some((change) => change.state === 'lost')) return;
    this.#durable = new Map(this.#cached);
    this.#changes = [];
  }

  failSync(): void {
    lose(this.#changes);
  }

  /** Changes here and below, whether or not a name now leads there. */
  collectUndecided(into: Set<AnyChange>, seen: Set<Inode>): void {
    const below = new Set(this.#durable.values());
    for (const change of this.#changes) {
      if (change.state !== 'synced') into.add(change);
      if (change.inode !== undefined) below.add(change.inode);
    }
    for (const inode of below) {
      if (seen.has(inode)) continue;
      seen.add(inode);
      inode.collectUndecided(into, seen);
    }
  }

  /** The directory and all below it, with nothing left to decide. `made` has the inodes of this image made so far. */
  afterCrash(decide: Decide, made: Map<Inode, Inode>): DirectoryInode {
    const entries = new Map(this.#durable);
    for (const change of this.#changes) {
      if (fateOf(change, decide) !== 'dropped') applyToEntries(entries, change);
    }
    return new DirectoryInode(mapValues(entries, (inode) => remake(inode, made, () => inode.afterCrash(decide, made))));
  }

  clone(made: Map<Inode, Inode>): DirectoryInode {
    const cloned = (inode: Inode): Inode => remake(inode, made, () => inode.clone(made));
    const clone = new DirectoryInode(mapValues(this.#durable, cloned));
    for (const change of this.#changes) {
      clone.#change(change.inode === undefined ? { ...change } : { ...change, inode: cloned(change.inode) });
    }
    return clone;
  }
}

/** Sectors of the file that a write touches: the first, and one past the last. */
export function sectorsOf(write: Write): { first: number; end: number } {
  const first = Math.floor(write.position / SECTOR_BYTES);
  return { first, end: Math.ceil((write.position + write.bytes.length) / SECTOR_BYTES) };
}

function settle(changes: readonly Change[]): void {
  for (const change of changes) if (change.state === 'open') change.state = 'synced';
}

function lose(changes: readonly Change[]): void {
  for (const change of changes) if (change.state === 'open') change.state = 'lost';
}

function fateOf(change: AnyChange, decide: Decide): Fate {
  return change.state === 'synced' ? 'kept' : decide(change);
}

function applyToEntries(entries: Map<string, Inode>, { gone, name, inode }: Relink): void {
  if (gone !== undefined) entries.delete(gone);
  if (name !== undefined && inode !== undefined) entries.set(name, inode);
}

function applyToContent(content: Content, change: Write | Resize, fate: Fate): void {
  if (fate === 'dropped') return;
  if (change.kind === 'resize') content.resize(change.length);
  else if (fate === 'kept') content.put(change.position, change.bytes);
  else if ('tornAfterBytes' in fate) content.put(change.position, change.bytes.subarray(0, fate.tornAfterBytes));
  else putSectors(content, change, fate.sectorsKept);
}

function putSectors(content: Content, write: Write, kept: (sector: number) => boolean): void {
  const writeEnd = write.position + write.bytes.length;
  content.resize(Math.max(content.length, writeEnd));
  const { first, end } = sectorsOf(write);
  for (let sector = first; sector < end; sector++) {
    if (!kept(sector)) continue;
    const from = Math.max(write.position, sector * SECTOR_BYTES);
    const to = Math.min(writeEnd, (sector + 1) * SECTOR_BYTES);
    content.put(from, write.bytes.subarray(from - write.position, to - write.position));
  }
}

function remake(inode: Inode, made: Map<Inode, Inode>, make: () => Inode): Inode {
  const known = made.get(inode);
  if (known !== undefined) return known;
  const inodeMade = make();
  made.set(inode, inodeMade);
  return inodeMade;
}

function mapValues<K, A, B>(map: ReadonlyMap<K, A>, to: (value: A) => B): Map<K, B> {
  return new Map([...map].map(([key, value]) => [key, to(value)]));
}

/** Bytes that grow; the first are shared with others until one is changed. */
class Content {
  #bytes: Uint8Array;
  #shared = true;
  length: number;

  constructor(shared: Uint8Array) {
    this.#bytes = shared;
    this.length = shared.length;
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  put(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#reserve(Math.max(this.length, position + bytes.length));
    this.length = Math.max(this.length, position + bytes.length);
    this.#bytes.set(bytes, position);
  }

  resize(length: number): void {
    this.#reserve(length);
    // A file that grows again shows zeros there, not what was cut off.
    if (length < this.length) this.#bytes.fill(0, length, this.length);
    this.length = length;
  }

  #reserve(length: number): void {
    if (!this.#shared && length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(length, this.length, length > this.length ? this.#bytes.length * 2 : 0));
    grown.set(this.view());
    this.#bytes = grown;
    this.#shared = false;
  }
}
