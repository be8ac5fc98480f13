import type { ValueCodec } from '../../value-codec.js';
import type { Router } from '../router.js';
import type { ShardView } from './shard-view.js';

/** What all reads of one thread share. */
export interface ReadParts<V> {
  /** One a shard, in the router's order. */
  readonly views: readonly ShardView[];
  readonly router: Router;
  readonly codec: ValueCodec<V>;
  /** Store time, ms. */
  readonly nowMs: () => number;
  /** Whether the thread gave its reader row back, so that its pins are no longer its own. */
  readonly isClosed: () => boolean;
}
