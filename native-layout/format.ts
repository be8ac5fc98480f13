/** Magic numbers, versions and limits: the constants that every part of the format agrees on. */

/** Version of everything on disk. A store of a newer version is refused, never guessed at. */
export const FORMAT_VERSION = 1;

/** "HFSG" read as a little-endian word: the start of a WAL segment. */
export const SEGMENT_MAGIC = 0x47534648;
/** "HFFR": the start of a WAL frame. */
export const FRAME_MAGIC = 0x52464648;
/** "HFCK": the start of a checkpoint file. */
export const CHECKPOINT_MAGIC = 0x4b434648;
/** "HFCE": the start of a checkpoint's footer. */
export const CHECKPOINT_END_MAGIC = 0x45434648;
/** "HFSC": the start of a shard's control block in shared memory. */
export const CONTROL_MAGIC = 0x43534648;

export const TYPE_BYTES_MAX = 128;
export const ID_BYTES_MAX = 256;
export const OWNER_BYTES_MAX = 128;
/** Encoded bytes of a lease's value. */
export const VALUE_BYTES_MAX = 4096;
export const TTL_MS_MIN = 1;
/** 49 days: the whole days that fit an unsigned 32-bit count of milliseconds. */
export const TTL_MS_MAX = 49 * 24 * 60 * 60 * 1000;
export const SHARDS_MAX = 256;

/** Owner reference in front of a key in the owners tree. */
export const OWNER_REF_BYTES = 4;
/** The longest key of any tree: owner reference, type, NUL, id. */
export const TREE_KEY_BYTES_MAX = OWNER_REF_BYTES + TYPE_BYTES_MAX + 1 + ID_BYTES_MAX;

export const NODE_BYTES_MIN = 2048;
export const NODE_BYTES_MAX = 16384;
export const NODE_BYTES_DEFAULT = 4096;

/** Text length of a canonical UUID (lower-case hex, 8-4-4-4-12), and its bytes when packed. */
export const UUID_TEXT_BYTES = 36;
export const UUID_BYTES = 16;

/** 2^32, for numbers kept as two words. */
export const TWO_32 = 4294967296;

/**
 * How far ahead of the last token a logged ceiling lies, in microseconds, the unit of tokens: ten seconds, so that a busy
 * shard logs a ceiling every five.
 */
export const TOKEN_LEAD = 10_000_000;
