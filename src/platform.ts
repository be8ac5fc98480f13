import { availableParallelism, endianness } from 'node:os';
import * as zlib from 'node:zlib';
import { LeaseStoreError } from './errors.js';

/** `zlib.crc32` came with it, and it is the oldest version that the tests run on. */
const NODE_VERSION_MIN = [20, 15] as const;

/**
 * Throws `ERR_HOLDFAST_UNSUPPORTED_RUNTIME`, naming everything that is missing, where holdfast cannot run. Called before
 * anything that needs shared memory is even loaded: libraries fail on its absence with a bare ReferenceError.
 */
export function checkPlatform(): void {
  const missing = missingFeatures();
  if (missing.length === 0) return;
  throw new LeaseStoreError(
    'ERR_HOLDFAST_UNSUPPORTED_RUNTIME',
    `holdfast cannot run here (Node ${process.versions.node}, ${process.platform} ${process.arch}): ` +
      `${missing.join('; ')}`,
  );
}

function missingFeatures(): string[] {
  const missing: string[] = [];
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [majorMin, minorMin] = NODE_VERSION_MIN;
  if (major < majorMin || (major === majorMin && minor < minorMin)) {
    missing.push(`it needs Node ${majorMin}.${minorMin} or newer`);
  }
  if (typeof SharedArrayBuffer === 'undefined') {
    missing.push('there is no SharedArrayBuffer: start Node without --no-harmony-sharedarraybuffer');
  }
  if (typeof Atomics === 'undefined' || typeof Atomics.wait !== 'function') missing.push('there is no Atomics.wait');
  else if (typeof Atomics.waitAsync !== 'function') missing.push('there is no Atomics.waitAsync');
  if (typeof zlib.crc32 !== 'function') missing.push('there is no zlib.crc32');
  if (endianness() !== 'LE') missing.push('its formats are little-endian, and this processor is not');
  return missing;
}

/** Cores that this process may use (its affinity and, where Node sees it, its cgroup): at least 1. */
export function availableCores(): number {
  return Math.max(1, availableParallelism());
}
