import { CHECKPOINT_MUTANTS } from './checkpoint.js';
import { LOG_MUTANTS } from './log.js';
import { MEMORY_MUTANTS } from './memory.js';
import type { Mutant } from './mutant.js';
import { SHARD_MUTANTS } from './shard.js';

export const MUTANTS: readonly Mutant[] = [...LOG_MUTANTS, ...CHECKPOINT_MUTANTS, ...SHARD_MUTANTS, ...MEMORY_MUTANTS];
