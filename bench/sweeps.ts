export const SWEEPS: readonly string[] = ['shards', 'node-size', 'wait-strategy', 'durability', 'batch-size'];
