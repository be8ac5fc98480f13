/** What an engine implements, for the engines; see `src/lease-store.ts`. */
export type * from '../lease-store.js';
