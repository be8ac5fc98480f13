import { LeaseStoreError } from '../../errors.js';
import type { EngineName } from '../engine.js';

/** The engine was asked for something that it truly cannot do. */
export function unsupported(engine: EngineName, what: string, instead: string): LeaseStoreError {
  return new LeaseStoreError('ERR_HOLDFAST_ENGINE_UNAVAILABLE', `the engine '${engine}' has no ${what}; ${instead}`);
}

export function storeClosed(): LeaseStoreError {
  return new LeaseStoreError('ERR_HOLDFAST_CLOSED', 'the store is closed; open it again');
}

export function snapshotClosed(): LeaseStoreError {
  return new LeaseStoreError('ERR_HOLDFAST_CLOSED', 'the snapshot is closed; take another one from the store');
}

/** Throws `ERR_HOLDFAST_ABORTED` once the caller's signal has fired. */
export function checkNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new LeaseStoreError('ERR_HOLDFAST_ABORTED', 'the call was aborted by its signal; call again to start over', {
    cause: signal.reason,
  });
}
