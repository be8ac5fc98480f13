import * as fs from 'node:fs';
import * as net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoName } from './io-error.js';

/** What every system takes as the path of a Unix socket: sun_path has 104 bytes on some, and ends in NUL. */
const SOCKET_PATH_BYTES_MAX = 103;

/** A listening socket that shows that its process lives; it keeps no event loop alive. */
export interface LockSocket {
  /** Stops listening, and removes the socket's file if it has one. */
  close(): Promise<void>;
}

/** Listens on a path or, where it starts with NUL, on an abstract name; undefined when that is taken. */
export function listen(path: string): Promise<LockSocket | undefined> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((probe) => probe.destroy());
    server.once('error', (error) => (errnoName(error) === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    // exclusive: in a cluster's worker the primary would otherwise listen for all of them, and all would hold the lock.
    server.listen({ path, exclusive: true }, () => {
      // From here on an error is a connection that could not be accepted; that one was made is all a prober asks.
      server.on('error', () => {});
      server.unref();
      resolve({ close: () => new Promise((closed) => server.close(() => closed())) });
    });
  });
}

/**
 * Whether a process listens on the socket file. The kernel answers, not the process: a stopped or busy one is alive
 * too. Rejects when there is no telling.
 */
export function isListening(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = net.connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => {
      const name = errnoName(error);
      // EAGAIN: alive, with a full queue of connections that it never accepted. ECONNRESET: alive when it was asked.
      if (name === 'EAGAIN' || name === 'ECONNRESET') resolve(true);
      else if (name === 'ECONNREFUSED' || name === 'ENOENT' || name === 'ENOTSOCK') resolve(false);
      else reject(error);
    });
  });
}

/** Another path to a directory, short enough for a socket in it. */
export interface ShortPath {
  readonly path: string;
  /** Not before the sockets made through it are closed: closing one removes its file by this path. */
  close(): void;
}

/** A path under which a socket of `nameBytes` fits in the directory, however long its own path is. */
export function shortPath(directory: string, nameBytes: number): ShortPath {
  if (Buffer.byteLength(directory) + 1 + nameBytes <= SOCKET_PATH_BYTES_MAX) return { path: directory, close() {} };
  if (process.platform === 'linux') {
    const fd = fs.openSync(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    return { path: `/proc/self/fd/${fd}`, close: () => fs.closeSync(fd) };
  }
  return linkTo(directory);
}

function linkTo(directory: string): ShortPath {
  const folder = fs.mkdtempSync(join(tmpdir(), 'hf-'));
  const path = join(folder, 'd');
  fs.symlinkSync(directory, path);
  return { path, close: () => fs.rmSync(folder, { recursive: true, force: true }) };
}
