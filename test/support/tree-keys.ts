import { OWNER_REF_BYTES } from '../../native-layout/format.js';
import { putRef } from '../../src/key.js';
import { LEASES, NAMES, OWNERS, type TreeKind } from '../../src/tree/kinds.js';
import type { Random } from './tree-random.js';

export const KINDS: readonly TreeKind[] = [LEASES, OWNERS, NAMES];

const TYPES = ['a', 'actor', 'actor-2', 'Zähler', 'order.line', 'x'.repeat(128)];
const NAME_PARTS = ['node-', 'eu-west-1/', 'é', '漢字', '🦊', '10.0.0.', '-', '0', '9', 'a', 'f', 'g', 'A', '~'];

/** A canonical UUID; those of one `cluster` share their first digits. */
export function uuid(random: Random, cluster = false): string {
  const hex = Array.from({ length: 4 }, () => random.u32().toString(16).padStart(8, '0')).join('');
  const digits = cluster
    ? `${random.pick(['0', '9', 'a', 'f']).repeat(random.between(1, 31))}${hex}`.slice(0, 32)
    : hex;
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  );
}

const ID_SHAPES: readonly ((random: Random) => string)[] = [
  (random) => uuid(random),
  (random) => uuid(random, true),
  // Neighbours of UUIDs that are none: longer, shorter, in capitals, with one character changed.
  (random) => uuid(random) + random.pick(['', '0', '-', '/x', '~']),
  (random) => uuid(random).slice(0, random.between(1, 36)),
  (random) => uuid(random).toUpperCase(),
  (random) => {
    const id = uuid(random);
    const at = random.below(36);
    return (
      id.slice(0, at) +
      random.pick(['!', '-', '/', '0', '9', ':', '@', 'A', '_', '`', 'a', 'f', 'g', 'é']) +
      id.slice(at + 1)
    );
  },
  (random) => `user-${uuid(random)}`,
  // Counters that look like UUIDs, with a stray between them that is none: a leaf changes its packing when that comes or goes.
  (random) =>
    `00000000-0000-4000-8000-${String(random.below(2000)).padStart(12, '0')}${random.chance(0.05) ? '~' : ''}`,
  (random) => String(random.below(2000)),
  (random) => random.pick(NAME_PARTS),
  (random) => Array.from({ length: random.between(1, 12) }, () => random.pick(NAME_PARTS)).join(''),
  (random) =>
    `${random.pick(['long', 'k'.repeat(200)])}${String(random.below(1e6))}`.padEnd(256, random.pick(['.', 'z'])),
  (random) => '漢'.repeat(random.between(1, 85)),
];

export const MIXED = -1;
export const ID_SHAPE_COUNT = ID_SHAPES.length;

/** An id of one shape, or of a random one with {@link MIXED}. */
export function randomId(random: Random, shape: number = MIXED): string {
  return (shape === MIXED ? random.pick(ID_SHAPES) : ID_SHAPES[shape])(random);
}

/** The bytes of a key as one of the trees has it. `types`: how many different types the keys are drawn from. */
export function randomKey(random: Random, kind: TreeKind, shape: number = MIXED, types = TYPES.length): Uint8Array {
  const id = randomId(random, shape);
  if (kind === NAMES) return random.chance(0.5) ? withRef(random, '') : Buffer.from(`\u0001${id}`);
  const actor = `${TYPES[random.below(types)]}\0${id}`;
  return kind === OWNERS ? withRef(random, actor) : Buffer.from(actor);
}

function withRef(random: Random, rest: string): Uint8Array {
  const bytes = Buffer.concat([Buffer.alloc(OWNER_REF_BYTES), Buffer.from(rest)]);
  putRef(bytes, random.pick([1, 2, 255, 256, 0x01000000, 0xffffffff, random.below(64)]));
  return rest === '' ? Buffer.concat([Buffer.of(2), bytes]) : bytes;
}
