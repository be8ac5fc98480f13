import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { salvage } from '../../../src/cli/offline/salvage.js';
import { loadShard, withStoreFiles } from '../../../src/cli/offline/store-files.js';
import { storedLeases } from '../../../src/cli/offline/stored-leases.js';
import { type Lease, type LeaseStore, openStore } from '../../../src/index.js';
import { valueCodec } from '../../../src/value-codec.js';
import { scaled, seed, temporaryDirectory } from '../../support/env.js';
import { type Ended, holdfast } from '../command.js';

const HOUR_MS = 3_600_000;
const MEMORY = { memoryBytesMax: 64 * 1024 * 1024 };
const root = temporaryDirectory();
let made = 0;
const place = (): string => join(root, `place-${++made}`);
const key = (id: string, type = 'type') => ({ type, id });

/** Everything below a directory but its locks: path to content. */
function contents(directory: string): [string, string][] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => [path, readFileSync(path, 'hex')]);
}

function filesIn(directory: string, shard: number, start: string): string[] {
  const own = join(directory, 'generation-1', `shard-${shard}`);
  return readdirSync(own)
    .filter((name) => name.startsWith(start))
    .sort()
    .map((name) => join(own, name));
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] ^= 0x20;
  writeFileSync(path, bytes);
}

/** Salvages, and shows that the damaged store is as it was and the new one is good. */
function salvaged(directory: string, ...options: string[]): Ended & { target: string; leases: Lease[] } {
  const before = contents(directory);
  const target = place();
  const ended = holdfast('salvage', directory, '--to', target, ...options);
  assert.equal(contents(directory), before, 'the damaged store was not changed');
  const verified = holdfast('verify', target);
  assert.is(verified.status, 0, ended.stderr + verified.stderr);
  return { ...ended, target, leases: leasesIn(target) };
}

function leasesIn(directory: string): Lease[] {
  const lines = holdfast('dump', directory).stdout.split('\n').filter(Boolean);
  return sorted(lines.map((line) => JSON.parse(line) as Lease));
}

function sorted(leases: readonly Lease[]): Lease[] {
  const name = (lease: Lease) => `${lease.key.type}/${lease.key.id}`;
  return [...leases].sort((a, b) => (name(a) < name(b) ? -1 : 1));
}

const ids = (leases: readonly Lease[]) => leases.map((lease) => lease.key.id).sort();

async function grantedAll(store: LeaseStore<unknown>, names: readonly string[]): Promise<Lease[]> {
  const answers = await store.acquireMany(
    names.map((id) => ({
      key: key(id),
      owner: `owner-${id.charCodeAt(id.length - 1) % 3}`,
      ttlMs: HOUR_MS,
      value: { id },
    })),
  );
  return answers.map((answer) => {
    assert.ok(answer.ok);
    return answer.ok ? answer.lease : assert.unreachable();
  }) as Lease[];
}

/** One frame a batch: where in the log it starts, of how many bytes. */
function frames(path: string): { at: number; bytes: number; count: number }[] {
  const bytes = readFileSync(path);
  const found = [];
  for (let at = bytes.indexOf('HFFR'); at >= 0; ) {
    const length = bytes.readUInt32LE(at + 12);
    found.push({ at, bytes: length, count: bytes.readUInt32LE(at + 16) });
    at = bytes.indexOf('HFFR', at + length);
  }
  return found;
}

const batch = (name: string) => Array.from({ length: 10 }, (_, i) => `${name}-${i}`);

/**
 * Batches a to e, a frame each, that of c with a new grant of a-7; afterwards leases of c and a-7 are renewed, two of c
 * granted anew, a-0 released.
 */
async function makeBatches(directory: string): Promise<{ leases: Lease[]; tokenMax: number }> {
  const store = (await openStore({ engine: 'cow-btree', directory, shards: 1, ...MEMORY })) as LeaseStore<unknown>;
  const granted = new Map<string, Lease[]>();
  for (const name of ['a', 'b', 'c', 'd', 'e']) {
    granted.set(name, await grantedAll(store, name === 'c' ? [...batch('c'), 'a-7'] : batch(name)));
  }
  const of = (name: string, i: number) => (granted.get(name) as Lease[])[i];
  for (const lease of [of('c', 1), of('c', 2), of('c', 10), of('d', 3)]) assert.ok((await store.renew(lease)).ok);
  assert.ok((await store.release(of('c', 4))).ok);
  await grantedAll(store, ['c-4', 'c-5']);
  assert.ok((await store.release(of('a', 0))).ok);
  const leases = sorted([...store.range()]);
  await store.close();
  return { leases, tokenMax: Math.max(...leases.map(({ token }) => token)) };
}

const batches = join(root, 'batches');
let whole: Lease[] = [];
let tokenMax = 0;

test.before(async () => {
  ({ leases: whole, tokenMax } = await makeBatches(batches));
});

function damagedCopy(damage: (directory: string) => void, from = batches): string {
  const directory = place();
  cpSync(from, directory, { recursive: true });
  damage(directory);
  return directory;
}

const log = (directory: string) => filesIn(directory, 0, 'wal-')[0];
/** The frame with the grants of a batch. */
const frameOf = (directory: string, name: string) =>
  frames(log(directory)).filter(({ count }) => count >= 10)['abcde'.indexOf(name)];

test('a store without damage is salvaged whole, with an id and tokens of its own', async () => {
  const { status, stderr, target, leases } = salvaged(batches);
  assert.is(status, 0, stderr);
  assert.is(stderr, '');
  assert.equal(leases, whole);
  const store = await openStore({ engine: 'cow-btree', directory: target, ...MEMORY });
  const next = await store.acquire(key('new'), { owner: 'o', ttlMs: HOUR_MS });
  assert.ok(next.ok && next.lease.token > Math.max(tokenMax, Date.now() * 1000) + 3_000_000_000);
  for (const lease of whole.slice(0, 5)) assert.ok((await store.renew(lease)).ok, 'holders go on with their tokens');
  await store.close();
  assert.is.not(
    JSON.parse(readFileSync(join(target, 'manifest'), 'utf8').split('\n')[0]).storeId,
    JSON.parse(readFileSync(join(batches, 'manifest'), 'utf8').split('\n')[0]).storeId,
  );
});

test('a damaged frame costs what it held, and nothing else', () => {
  const directory = damagedCopy((d) => flip(log(d), frameOf(d, 'c').at + 200));
  const { at } = frameOf(directory, 'c');
  assert.is(holdfast('verify', directory).status, 1, 'it would not open');
  const { status, stdout, stderr, leases } = salvaged(directory);
  assert.is(status, 3);
  // c-4 and c-5 were granted anew behind the damage.
  // What is left of a-7 is a grant that is no longer true.
  const lost = [...batch('c').filter((id) => id !== 'c-4' && id !== 'c-5'), 'a-7'];
  assert.equal(
    leases,
    whole.filter((lease) => !lost.includes(lease.key.id)),
  );
  assert.match(
    stderr,
    new RegExp(`wal-\\d+.log, byte ${at}: a frame does not match its checksum; LSN \\d+ to \\d+ are lost\n`),
  );
  assert.match(
    stderr,
    /3 leases are lost that somebody held when last heard of\n {2}"type\/c-1", LSN \d+\n {2}"type\/c-2", LSN \d+\n {2}"type\/a-7", LSN \d+\n/,
  );
  assert.match(stdout, /shard 0: in part, 40 leases from the log alone/);
});

test('a release that is lost leaves the lease as it was last seen', () => {
  const directory = damagedCopy((d) => {
    const last = frames(log(d)).filter(({ count }) => count > 0);
    // The last record but the ceiling that closing logs.
    flip(log(d), last[last.length - 2].at + 30);
  });
  const { status, leases } = salvaged(directory);
  assert.is(status, 3);
  assert.equal(ids(leases), ids([...whole, { key: key('a-0') } as Lease]));
});

test('a log whose header is damaged is read all the same', () => {
  const { status, leases, stderr } = salvaged(damagedCopy((d) => flip(log(d), 10)));
  assert.equal(leases, whole);
  assert.is(status, 0, stderr);
});

test('a log that is cut short where it was durable', () => {
  const directory = damagedCopy((d) => truncateSync(log(d), frameOf(d, 'd').at + 20));
  const { leases, status, stderr, stdout } = salvaged(directory);
  // Nothing proves that it went on: this is what a crash leaves.
  assert.is(status, 0, stderr);
  assert.match(stderr, /torn at byte \d+, as a crash leaves it/);
  assert.match(stdout, /nothing is lost but what was torn off/);
  assert.equal(ids(leases), [...batch('a'), ...batch('b'), ...batch('c')].sort());
});

test('a manifest that is lost costs the shard count, and needs the encoding of values', async () => {
  const source = join(root, 'many');
  const store = (await openStore({
    engine: 'cow-btree',
    directory: source,
    shards: 3,
    ...MEMORY,
  })) as LeaseStore<unknown>;
  const leases = sorted(await grantedAll(store, [...batch('x'), ...batch('y')]));
  await store.checkpoint();
  await store.close();
  for (const damage of [(d: string) => flip(join(d, 'manifest'), 20), (d: string) => rmSync(join(d, 'manifest'))]) {
    const directory = damagedCopy(damage, source);
    const refused = holdfast('salvage', directory, '--to', place());
    assert.is(refused.status, 2);
    assert.match(refused.stderr, /--value-encoding/);
    const { status, stderr, leases: found } = salvaged(directory, '--value-encoding', 'json');
    assert.is(status, 3);
    assert.match(stderr, /tell of 3 shards in generation 1; the new store has one shard/);
    assert.equal(found, leases);
  }
});

test('a shard that is gone takes no other with it', async () => {
  const source = join(root, 'two');
  const store = (await openStore({
    engine: 'cow-btree',
    directory: source,
    shards: 2,
    ...MEMORY,
  })) as LeaseStore<unknown>;
  await grantedAll(store, [...batch('x'), ...batch('y')]);
  await store.close();
  const own = leasesIn(source).length;
  const gone = damagedCopy((d) => rmSync(join(d, 'generation-1', 'shard-1'), { recursive: true }), source);
  const { status, stderr, stdout, leases } = salvaged(gone);
  assert.is(status, 3);
  assert.match(stderr, /shard-1, byte 0: the directory is missing/);
  assert.match(stdout, /shard 0: whole/);
  assert.ok(leases.length > 0 && leases.length < own);
  const bare = damagedCopy((d) => {
    for (const path of filesIn(d, 1, '')) rmSync(path);
  }, source);
  assert.match(salvaged(bare).stderr, /neither log nor checkpoint is left/);
});

/** A store with two checkpoints, of which the older one stands on a log that was cut. */
async function makeCheckpoints(directory: string): Promise<Lease[]> {
  let store = (await openStore({ engine: 'cow-btree', directory, shards: 1, ...MEMORY })) as LeaseStore<unknown>;
  for (const name of ['a', 'b', 'c']) {
    await grantedAll(store, batch(name));
    await store.checkpoint();
    await store.close();
    store = (await openStore({ engine: 'cow-btree', directory, ...MEMORY })) as LeaseStore<unknown>;
  }
  await grantedAll(store, batch('d'));
  const leases = sorted([...store.range()]);
  await store.close();
  return leases;
}

test('checkpoints: the newest that is good counts, and without one what the log says', async () => {
  const source = join(root, 'checkpoints');
  const leases = await makeCheckpoints(source);
  const [older, newer] = filesIn(source, 0, 'checkpoint-').map((path) => path.slice(source.length));
  const one = salvaged(damagedCopy((d) => flip(d + newer, 300), source));
  assert.is(one.status, 0, one.stderr);
  assert.match(one.stderr, /node \d+ does not match its checksum/);
  assert.equal(one.leases, leases);
  const both = salvaged(
    damagedCopy((d) => {
      for (const path of [older, newer]) flip(d + path, 300);
    }, source),
  );
  assert.is(both.status, 3);
  assert.match(both.stderr, /the records before this segment are missing; LSN 1 to \d+ are lost/);
  assert.ok(both.leases.length > 0, 'what was granted since');
  assert.equal(
    both.leases,
    leases.filter(({ key: { id } }) => ids(both.leases).includes(id)),
  );
  assert.ok(batch('d').every((id) => ids(both.leases).includes(id)));
  const noLog = salvaged(
    damagedCopy((d) => {
      for (const path of filesIn(d, 0, 'wal-')) rmSync(path);
    }, source),
  );
  assert.is(noLog.status, 3);
  assert.match(noLog.stderr, /there is no log in it; what came from LSN \d+ on, if anything, is lost/);
  assert.equal(ids(noLog.leases), [...batch('a'), ...batch('b'), ...batch('c')].sort());
});

test('wrong calls change nothing', () => {
  const within = holdfast('salvage', batches, '--to', join(batches, 'new'));
  assert.is(within.status, 2);
  assert.match(within.stderr, /must not be within/);
  assert.is(holdfast('salvage', batches).status, 2);
  assert.is(holdfast('salvage', batches, '--to', place(), '--value-encoding', 'utf8').status, 2);
  assert.is(holdfast('salvage', root, '--to', place()).status, 2);
  const taken = place();
  cpSync(batches, taken, { recursive: true });
  const before = contents(taken);
  const over = holdfast('salvage', batches, '--to', taken);
  assert.is(over.status, 2);
  assert.match(over.stderr, /nothing is ever overwritten/);
  assert.equal(contents(taken), before);
});

function random(start: number): (below: number) => number {
  let state = start >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Leases and the lowest token floor of a store's shards, read in this process. */
function read(directory: string): Promise<{ leases: Lease[]; floor: number }> {
  return withStoreFiles(directory, (store) => {
    const loaded = store.shards.map((shard) => loadShard(store, shard));
    const codec = valueCodec<unknown>(store.manifest.valueEncoding);
    const leases = loaded.flatMap((each) => [...storedLeases(each, codec)]);
    return { leases: sorted(leases), floor: Math.min(...loaded.map(({ recovered }) => recovered.tokenFloor)) };
  });
}

/** Two shards with checkpoints and log behind them; every state that any key was ever in. */
async function makeHistory(directory: string, pick: (below: number) => number) {
  const states = new Set<string>();
  const store = (await openStore({ engine: 'cow-btree', directory, shards: 2, ...MEMORY })) as LeaseStore<unknown>;
  const see = () => {
    for (const lease of store.range()) states.add(JSON.stringify(lease));
  };
  for (let round = 0; round < 12; round++) {
    await grantedAll(
      store,
      Array.from({ length: 12 }, () => `k${pick(80)}`),
    );
    see();
    const all = [...store.range()];
    await store.renewMany(all.filter(() => pick(3) === 0));
    see();
    for (const lease of all.filter(() => pick(6) === 0)) await store.release(lease);
    see();
    if (round === 3 || round === 7) await store.checkpoint();
  }
  const leases = sorted([...store.range()]);
  await store.close();
  return { leases, states, tokenMax: Math.max(...leases.map(({ token }) => token)) };
}

/** What a command answers and what it says, all of it. */
async function heard<T>(work: () => Promise<T>): Promise<{ answer: T; told: string }> {
  const { log: out, error } = console;
  let told = '';
  console.log = console.error = (line: string) => {
    told += `${line}\n`;
  };
  try {
    const answer = await work();
    return { answer, told };
  } finally {
    console.log = out;
    console.error = error;
  }
}

test(`any damage: what is salvaged was true once, tokens are above all, nothing is lost in silence (seed ${seed})`, async () => {
  const pick = random(seed);
  const source = join(root, 'history');
  const { leases, states, tokenMax: highest } = await makeHistory(source, pick);
  const paths = contents(source)
    .map(([path]) => path.slice(source.length))
    .filter((path) => path !== '/manifest');
  // The last frame of a log shows that all before it is on the disk.
  const proofs = new Map(
    paths.filter((path) => path.endsWith('.log')).map((path) => [path, frames(source + path).at(-1)?.at]),
  );
  let inPart = 0;
  for (let round = 0; round < scaled(35, 1500); round++) {
    let flips = true;
    let proven = true;
    const directory = damagedCopy((d) => {
      for (let wounds = 1 + pick(4); wounds > 0; wounds--) {
        const name = paths[pick(paths.length)];
        const path = d + name;
        const bytes = readFileSync(path);
        const kind = pick(8);
        if (kind > 1) {
          const at = pick(bytes.length);
          flip(path, at);
          if (at >= (proofs.get(name) ?? bytes.length)) proven = false;
        } else {
          flips = false;
          if (kind === 0) truncateSync(path, pick(bytes.length));
          else writeFileSync(path, bytes.fill(0, pick(bytes.length)));
        }
      }
    }, source);
    const target = place();
    const { answer: status, told } = await heard(() => salvage(directory, target, undefined));
    const found = await read(target);
    assert.ok(found.floor > highest, `round ${round}: floor ${found.floor}`);
    for (const lease of found.leases) assert.ok(states.has(JSON.stringify(lease)), `round ${round}: never so`);
    // Without the proof, damage before it looks like what a crash leaves: that much is told.
    const silent = proven || !told.includes('torn');
    if (status === 0 && flips && silent)
      assert.equal(found.leases, leases, `round ${round}: something is lost in silence`);
    if (status !== 0) inPart++;
    rmSync(directory, { recursive: true });
    rmSync(target, { recursive: true });
  }
  assert.ok(inPart > 0, 'some were in part');
});

test.run();
