import type { EngineName, Supports } from '../../src/lease-store.js';
import { badInputConforms } from './bad-input.js';
import { crashesConform } from './crashes.js';
import { historiesConform } from './histories.js';
import { lifecycleConforms } from './lifecycle.js';
import { readsConform } from './reads.js';
import type { Open } from './subject.js';
import { valuesConform } from './values.js';
import { writesConform } from './writes.js';

/** Holds one engine to what all engines promise; what it lacks must be declared in `supports` and refused. */
export function conformance(name: EngineName, open: Open, supports: Supports): void {
  const subject = { name, open, supports };
  writesConform(subject);
  readsConform(subject);
  valuesConform(subject);
  badInputConforms(subject);
  lifecycleConforms(subject);
  historiesConform(subject);
  if (supports.persistence) crashesConform(subject);
}
