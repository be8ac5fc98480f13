import { randomBytes } from 'node:crypto';
import { resolve, sep } from 'node:path';
import { performance } from 'node:perf_hooks';
import { LeaseStoreError } from '../../errors.js';
import type { FileSystem } from '../../io/file-system.js';
import { fillNewDirectory } from '../../io/new-directory.js';
import { nodeFileSystem } from '../../io/node-file-system.js';
import { MANIFEST_FILE, type Manifest, readManifest, shardDirectory, type ValueEncoding } from '../../manifest.js';
import { NodeAllocator } from '../../memory/allocator.js';
import { tokenFloorOfCopy } from '../../recovery/new-shard.js';
import { NewStore, type StoreShape } from '../../recovery/new-store.js';
import { mergeTable } from '../../salvage/merge.js';
import { type SalvagedShard, salvageShard } from '../../salvage/shard.js';
import { type StoreParts, surmiseParts } from '../../salvage/surmise.js';
import { LeaseTable } from '../../table/lease-table.js';
import type { LogGap } from '../../wal/fragments.js';
import { UsageError } from '../usage.js';
import { reserveForShard, whileLocked } from './store-files.js';

/** The exit code where something is lost: the new store is there, and is not all that the old one was. */
const IN_PART = 3;

/** So many keys of leases that are lost are shown. */
const KEYS_MAX = 20;

/**
 * `holdfast salvage`: makes a new store of what is left of a damaged one, and tells what is lost. The damaged one is not
 * changed. Answers 0 if nothing is lost, 3 if something is. A torn end of a log, which an opening cuts off too, is told, and
 * is no loss: nothing shows that it ever was on the disk.
 */
export async function salvage(
  directory: string,
  target: string,
  valueEncoding: ValueEncoding | undefined,
): Promise<number> {
  const files = nodeFileSystem();
  if (files.stat(directory)?.kind !== 'directory') throw new UsageError(`${directory} is no directory`);
  if (`${resolve(target)}${sep}`.startsWith(`${resolve(directory)}${sep}`)) {
    throw new UsageError(`--to must not be within ${directory}, which is not changed`);
  }
  // Before anything is written into a directory that is none of ours, be it a lock.
  findStore(files, directory, valueEncoding);
  return whileLocked(directory, async () => {
    const damaged = findStore(files, directory, valueEncoding);
    const result = await fillNewDirectory(files, target, () => new Salvage(files, directory, target).run(damaged));
    const { leases, tokenFloor, whole, torn } = result;
    const told = `${target}: ${leases.toLocaleString('en')} leases, tokens above ${tokenFloor}`;
    if (whole) console.log(`${told}; nothing is lost${torn ? ' but what was torn off, see above' : ''}`);
    else console.error(`${told}; something is lost, see above`);
    return whole ? 0 : IN_PART;
  });
}

interface DamagedStore {
  readonly parts: StoreParts;
  readonly shape: StoreShape;
  /** Why the manifest is of no use; undefined where it is good. */
  readonly lostManifest: string | undefined;
}

function findStore(files: FileSystem, directory: string, valueEncoding: ValueEncoding | undefined): DamagedStore {
  const manifest = readOrWhyNot(files, directory);
  if (typeof manifest !== 'string') {
    if (valueEncoding !== undefined && valueEncoding !== manifest.valueEncoding) {
      throw new UsageError(`--value-encoding is not needed: the manifest says ${manifest.valueEncoding}`);
    }
    const storeId = Uint8Array.from(Buffer.from(manifest.storeId, 'hex'));
    return { parts: { ...manifest, storeId }, shape: manifest, lostManifest: undefined };
  }
  const parts = surmiseParts(files, directory);
  if (parts === undefined) throw new UsageError(`${directory} holds no files of a store: ${manifest}`);
  if (valueEncoding === undefined) {
    throw new UsageError(
      `${manifest}; nothing else tells how values are encoded: give --value-encoding json, utf8 or buffer, as the ` +
        "store's option valueEncoding was (json, if it was not given)",
    );
  }
  // The hash that spread keys over shards is lost, so they go into one.
  const seed = new Uint32Array(new Uint8Array(randomBytes(16)).buffer);
  const hashSeed = [seed[0], seed[1], seed[2], seed[3]] as const;
  return { parts, shape: { hashSeed, shards: 1, nodeBytes: parts.nodeBytes, valueEncoding }, lostManifest: manifest };
}

function readOrWhyNot(files: FileSystem, directory: string): Manifest | string {
  const path = resolve(directory, MANIFEST_FILE);
  if (files.stat(path) === undefined) return `${path} is missing`;
  try {
    return readManifest(files, directory) ?? `${path} is missing`;
  } catch (error) {
    if (error instanceof LeaseStoreError && ['ERR_HOLDFAST_CORRUPT', 'ERR_HOLDFAST_IO'].includes(error.code)) {
      return error.message;
    }
    throw error;
  }
}

interface SalvageResult {
  readonly leases: number;
  readonly tokenFloor: number;
  readonly whole: boolean;
  /** Whether the end of a log was cut off, as after a crash. */
  readonly torn: boolean;
}

class Salvage {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #target: string;
  #leases = 0;
  #highest = 0;
  #lsn = 0;
  #storeMs = 0;
  #whole = true;
  #torn = false;

  constructor(files: FileSystem, directory: string, target: string) {
    this.#files = files;
    this.#directory = directory;
    this.#target = target;
  }

  run({ parts, shape, lostManifest }: DamagedStore): SalvageResult {
    const wallMs = Date.now();
    const made = new NewStore(this.#files, this.#target, shape, wallMs);
    if (lostManifest === undefined) this.#shardByShard(parts, made);
    else this.#intoOne(parts, made, lostManifest);
    const tokenFloor = tokenFloorOfCopy(this.#highest, wallMs);
    made.finish(tokenFloor);
    return { leases: this.#leases, tokenFloor, whole: this.#whole, torn: this.#torn };
  }

  #shardByShard(parts: StoreParts, made: NewStore): void {
    const slabs = reserveForShard(parts.nodeBytes);
    for (let shard = 0; shard < parts.shards; shard++) {
      const salvaged = this.#salvage(parts, shard, slabs);
      made.add({ slabs, ...salvaged });
      this.#leases += salvaged.table.leases.count;
    }
  }

  #intoOne(parts: StoreParts, made: NewStore, lostManifest: string): void {
    console.error(lostManifest);
    console.error(
      `its files tell of ${parts.shards} shards in generation ${parts.generation}; the new store has one shard. ` +
        'If there were more, their leases are lost',
    );
    const slabs = reserveForShard(parts.nodeBytes);
    const all = reserveForShard(parts.nodeBytes);
    const allocator = new NodeAllocator(all, 0);
    const nothing = { leases: 0, owners: 0, names: 0, leaseCount: 0, ownerCount: 0, nameCount: 0 };
    const table = new LeaseTable(all, allocator, nothing);
    for (let shard = 0; shard < parts.shards; shard++) {
      mergeTable(this.#salvage(parts, shard, slabs).table, slabs, table, allocator);
    }
    made.add({ slabs: all, table, lsn: this.#lsn, storeMs: this.#storeMs });
    this.#leases = table.leases.count;
    this.#whole = false;
  }

  #salvage(
    { generation, storeId }: StoreParts,
    shard: number,
    slabs: ReturnType<typeof reserveForShard>,
  ): SalvagedShard {
    const directory = shardDirectory(this.#directory, generation, shard);
    const salvaged = salvageShard(this.#files, directory, { storeId, shard }, slabs, () => performance.now());
    this.#highest = Math.max(this.#highest, salvaged.tokenHigh);
    this.#lsn = Math.max(this.#lsn, salvaged.lsn);
    this.#storeMs = Math.max(this.#storeMs, salvaged.storeMs);
    if (salvaged.gaps.length > 0) this.#whole = false;
    if (salvaged.torn !== undefined) this.#torn = true;
    report(shard, salvaged);
    return salvaged;
  }
}

function report(shard: number, { table, checkpoint, damaged, torn, gaps, lostKeys }: SalvagedShard): void {
  for (const why of damaged) console.error(why);
  if (torn !== undefined) {
    const { path, offset, bytes, reason } = torn;
    console.error(`${path}: torn at byte ${offset}, as a crash leaves it (${reason}); ${bytes} bytes are cut off`);
  }
  for (const gap of gaps) console.error(`${gap.path}, byte ${gap.offset}: ${gap.why}; ${lostOf(gap)}`);
  if (lostKeys.size > 0) {
    console.error(`shard ${shard}: ${lostKeys.size} leases are lost that somebody held when last heard of`);
    for (const [key, lsn] of [...lostKeys].slice(0, KEYS_MAX)) console.error(`  ${JSON.stringify(key)}, LSN ${lsn}`);
    if (lostKeys.size > KEYS_MAX) console.error(`  and ${lostKeys.size - KEYS_MAX} more`);
  }
  const from = checkpoint === undefined ? 'the log alone' : `${checkpoint} and the log`;
  const state = gaps.length === 0 ? 'whole' : 'in part';
  console.log(`shard ${shard}: ${state}, ${table.leases.count} leases from ${from}`);
}

function lostOf({ firstLsn, lastLsn, open }: LogGap): string {
  if (lastLsn < firstLsn) return `what came from LSN ${firstLsn} on, if anything, is lost`;
  const more = open ? ', and perhaps more' : '';
  return firstLsn === lastLsn ? `LSN ${firstLsn} is lost${more}` : `LSN ${firstLsn} to ${lastLsn} are lost${more}`;
}
