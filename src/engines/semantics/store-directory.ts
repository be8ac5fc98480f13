import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { FORMAT_VERSION } from '../../../native-layout/format.js';
import { LeaseStoreError } from '../../errors.js';
import { type DirectoryLock, lockDirectory } from '../../io/directory-lock.js';
import { ensureDirectory } from '../../io/ensure-directory.js';
import type { FileSystem } from '../../io/file-system.js';
import { parseLockName } from '../../io/lock-name.js';
import { fillNewDirectory } from '../../io/new-directory.js';
import { MANIFEST_FILE, type ValueEncoding } from '../../manifest.js';
import type { ResolvedOptions } from '../../options.js';
import { damaged, readSealed, temporaryNameOf, writeSealed } from '../../sealed-file.js';
import type { EngineName } from '../engine.js';

/** What a store is, decided when it was made. */
export interface EngineManifest {
  readonly format: number;
  readonly engine: EngineName;
  /** 16 random bytes in hex. */
  readonly storeId: string;
  readonly valueEncoding: ValueEncoding;
  /** False until the store's first files are whole: while it is false there is nothing in them to lose. */
  readonly ready: boolean;
  /** ISO 8601, by the wall clock. */
  readonly createdAt: string;
}

/** A store's directory, locked for this process. */
export interface StoreDirectory {
  readonly path: string;
  /** Where the engine keeps its own files; removed and made anew for a store that was never made ready. */
  readonly dataPath: string;
  readonly manifest: EngineManifest;
  readonly lock: DirectoryLock;
  /** To be called once the first files of a new store are whole and durable. */
  markReady(): void;
}

const DATA = 'data';

/**
 * Locks the directory of the options for this process, and finds out which store is in it, or begins a new one. Throws
 * `ERR_HOLDFAST_LOCKED`, `ERR_HOLDFAST_FORMAT` for what is no store of this engine, `ERR_HOLDFAST_CORRUPT`.
 */
export async function openStoreDirectory(files: FileSystem, options: ResolvedOptions): Promise<StoreDirectory> {
  const path = options.directory;
  ensureDirectory(files, path);
  const lock = await lockDirectory(path);
  try {
    let manifest = readManifest(files, options) ?? newManifest(options);
    const dataPath = join(path, DATA);
    if (!manifest.ready) {
      writeSealed(files, path, MANIFEST_FILE, manifest);
      files.removeTree(dataPath);
      files.makeDirectory(dataPath);
      files.syncDirectory(path);
    } else if (files.stat(dataPath)?.kind !== 'directory') {
      // A link to a directory is none: whoever planted it would have the store write elsewhere.
      throw noData(dataPath);
    }
    return {
      path,
      dataPath,
      lock,
      get manifest() {
        return manifest;
      },
      markReady: () => {
        manifest = { ...manifest, ready: true };
        writeSealed(files, path, MANIFEST_FILE, manifest);
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/**
 * Makes a store with files of its own in a directory that is not there or empty; `fill` makes them whole and durable. The
 * manifest comes last: without it there is no store. If anything fails, nothing is left behind.
 */
export async function createStore(
  files: FileSystem,
  options: ResolvedOptions,
  directory: string,
  fill: (dataPath: string, storeId: Uint8Array) => Promise<void>,
): Promise<void> {
  const manifest = newManifest(options);
  await fillNewDirectory(files, directory, async () => {
    const dataPath = join(directory, DATA);
    files.makeDirectory(dataPath);
    await fill(dataPath, Buffer.from(manifest.storeId, 'hex'));
    writeSealed(files, directory, MANIFEST_FILE, { ...manifest, ready: true });
  });
}

function newManifest({ engine, valueEncoding }: ResolvedOptions): EngineManifest {
  return {
    format: FORMAT_VERSION,
    engine,
    storeId: randomBytes(16).toString('hex'),
    valueEncoding,
    ready: false,
    createdAt: new Date().toISOString(),
  };
}

function readManifest(files: FileSystem, options: ResolvedOptions): EngineManifest | undefined {
  const path = join(options.directory, MANIFEST_FILE);
  if (files.stat(path) === undefined) {
    const foreign = files.list(options.directory).find((name) => !isOurs(name));
    if (foreign !== undefined) throw notAStore(options.directory, foreign);
    return undefined;
  }
  const fields = readSealed(files, path) as Partial<Record<keyof EngineManifest, unknown>>;
  if (fields.engine !== options.engine || fields.format !== FORMAT_VERSION) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_FORMAT',
      `${path} belongs to a store of the engine '${fields.engine}' in format ${fields.format}; ` +
        `this is '${options.engine}' in format ${FORMAT_VERSION}. Open it with that engine, or migrate it`,
    );
  }
  if (typeof fields.storeId !== 'string' || !/^[0-9a-f]{32}$/.test(fields.storeId)) {
    throw damaged(path, 'its field storeId is missing or out of bounds');
  }
  if (fields.valueEncoding !== options.valueEncoding) {
    throw new LeaseStoreError(
      'ERR_HOLDFAST_INVALID_ARGUMENT',
      `options.valueEncoding must be '${fields.valueEncoding}', as the store in ${options.directory} was made; ` +
        `got '${options.valueEncoding}'`,
    );
  }
  return fields as EngineManifest;
}

function noData(dataPath: string): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_CORRUPT',
    `${dataPath} is missing or no directory, and the manifest beside it says that the store was complete; restore a backup`,
  );
}

function isOurs(name: string): boolean {
  return name === temporaryNameOf(MANIFEST_FILE) || name === 'lost+found' || parseLockName(name) !== undefined;
}

function notAStore(directory: string, foreign: string): LeaseStoreError {
  return new LeaseStoreError(
    'ERR_HOLDFAST_FORMAT',
    `${directory} is not a holdfast store: it has no ${MANIFEST_FILE}, but holds ${foreign}; ` +
      'give a directory that is empty or does not exist yet',
  );
}
