import { join } from 'node:path';
import { actor, nodeOf } from '../../src/cli/demo/workload.js';
import type { ActorKey } from '../../src/index.js';
import type { OpenSubject, Sample, Subject, SubjectSetup } from '../subject.js';

/** What node:sqlite and better-sqlite3 have in common, which is all that is used. */
interface Database {
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): unknown;
}

interface Statement {
  run(...parameters: (string | number)[]): { readonly changes: number | bigint };
  get(...parameters: (string | number)[]): unknown;
  all(...parameters: (string | number)[]): unknown[];
}

type Opener = (path: string) => Database;

/** SQLite as its users have it: a table with the key as its primary key, an index by node, prepared statements. */
export const openSqlite: OpenSubject = async (setup) => {
  const { library, open } = await sqlite();
  return new SqlitePeer(open(join(setup.directory, 'leases.db')), library, setup);
};

/** Node's own from 22 on, else better-sqlite3 where somebody has put it. */
async function sqlite(): Promise<{ readonly library: string; readonly open: Opener }> {
  // Names in variables: neither module is there on every machine that compiles this.
  const [builtIn, packaged]: string[] = ['node:sqlite', 'better-sqlite3'];
  try {
    const { DatabaseSync } = await import(builtIn);
    return { library: 'node:sqlite', open: (path) => new DatabaseSync(path) };
  } catch {
    try {
      const { default: BetterSqlite } = await import(packaged);
      return { library: 'better-sqlite3', open: (path) => new BetterSqlite(path) };
    } catch {
      throw new Error(`SQLite takes Node 22 or better-sqlite3; this is Node ${process.version} without it`);
    }
  }
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS leases (
    type TEXT, id TEXT, owner TEXT, token INTEGER, expiresAtMs INTEGER, acquiredAtMs INTEGER, ttlMs INTEGER,
    renewals INTEGER, PRIMARY KEY (type, id)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS byOwner ON leases (owner, type, id);
`;

class SqlitePeer implements Subject {
  readonly level;
  readonly mode: string;
  readonly syncReads = true;
  readonly #db: Database;
  readonly #seed: number;
  readonly #insert: Statement;
  readonly #update: Statement;
  readonly #one: Statement;
  readonly #page: Statement;
  readonly #ofType: Statement;
  readonly #ofOwner: Statement;
  readonly #count: Statement;
  #keys: readonly ActorKey[] = [];

  constructor(db: Database, library: string, { durability, seed }: SubjectSetup) {
    this.#db = db;
    this.#seed = seed;
    this.level = durability;
    const synchronous = durability === 'synced' ? 'FULL' : 'NORMAL';
    this.mode = `${library}, journal_mode WAL, synchronous ${synchronous}, prepared statements, one transaction a call`;
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};`);
    db.exec(SCHEMA);
    this.#insert = db.prepare('INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, 0)');
    this.#update = db.prepare(
      'UPDATE leases SET expiresAtMs = ? + ttlMs, renewals = renewals + 1 WHERE type = ? AND id = ?',
    );
    this.#one = db.prepare('SELECT * FROM leases WHERE type = ? AND id = ?');
    this.#page = db.prepare('SELECT * FROM leases WHERE type = ? AND id >= ? ORDER BY id LIMIT ?');
    this.#ofType = db.prepare('SELECT * FROM leases WHERE type = ?');
    this.#ofOwner = db.prepare('SELECT * FROM leases WHERE owner = ?');
    this.#count = db.prepare('SELECT count(*) AS count FROM leases WHERE type = ?');
  }

  async load(from: number, to: number, ttlMs: number): Promise<void> {
    this.#db.exec('BEGIN');
    for (let index = from; index < to; index++) this.acquire(index, ttlMs);
    this.#db.exec('COMMIT');
  }

  hold({ keys }: Sample): void {
    this.#keys = keys;
  }

  acquire(index: number, ttlMs: number): unknown {
    const { type, id } = actor(this.#seed, index);
    const now = Date.now();
    return this.#insert.run(type, id, nodeOf(index), now * 1000 + index, now + ttlMs, now, ttlMs);
  }

  renew(at: number): unknown {
    const { type, id } = this.#keys[at];
    return this.#update.run(Date.now(), type, id);
  }

  renewMany(order: Uint32Array, from: number, to: number): void {
    this.#db.exec('BEGIN');
    for (let i = from; i < to; i++) this.renew(order[i]);
    this.#db.exec('COMMIT');
  }

  get(at: number): unknown {
    const { type, id } = this.#keys[at];
    return this.#one.get(type, id);
  }

  scan(at: number, limit: number): number {
    const { type, id } = this.#keys[at];
    return this.#page.all(type, id, limit).length;
  }

  all(of: { readonly type: string } | { readonly owner: string }): number {
    return 'type' in of ? this.#ofType.all(of.type).length : this.#ofOwner.all(of.owner).length;
  }

  count(type: string): number {
    return (this.#count.get(type) as { readonly count: number }).count;
  }

  async close(): Promise<void> {
    this.#db.close();
  }
}
