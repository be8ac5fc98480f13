/**
 * Derives byte offsets in declaration order, so that no offset is ever typed by hand, and keeps what is needed to
 * draw the layout as a diagram that a test holds against the documentation.
 */

export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface Layout {
  readonly fields: readonly Field[];
  readonly bytes: number;
}

type Width = 1 | 2 | 4 | 8;

export class Fields {
  readonly #fields: Field[] = [];
  #end = 0;

  u8(name: string): number {
    return this.#add(name, 1, 1);
  }

  u16(name: string): number {
    return this.#add(name, 2, 2);
  }

  u32(name: string): number {
    return this.#add(name, 4, 4);
  }

  /** An unsigned integer up to 2^53 - 1 as two words, low word first; aligned to a word, so that records pack. */
  u53(name: string): number {
    return this.#add(name, 8, 4);
  }

  /** A 64-bit cell that threads share through `BigInt64Array` atomics or aligned `Float64Array` stores. */
  cell64(name: string): number {
    return this.#add(name, 8, 8);
  }

  /** A run of bytes without an alignment of its own. */
  raw(name: string, bytes: number): number {
    return this.#add(name, bytes, 1);
  }

  /** A run of 32-bit words. */
  words(name: string, count: number): number {
    return this.#add(name, count * 4, 4);
  }

  /** Skips to the next multiple of `bytes`; the gap shows in the diagram as padding. */
  align(bytes: number): this {
    const gap = (bytes - (this.#end % bytes)) % bytes;
    if (gap > 0) this.#add('(padding)', gap, 1);
    return this;
  }

  /** Ends the layout; its size must be a multiple of `alignment`, so that arrays of it stay aligned. */
  end(alignment: Width | 16 | 64 | 128 = 4): number {
    if (this.#end % alignment !== 0)
      throw new RangeError(`layout ends at ${this.#end}, not a multiple of ${alignment}`);
    return this.#end;
  }

  layout(): Layout {
    return { fields: [...this.#fields], bytes: this.#end };
  }

  #add(name: string, bytes: number, alignment: number): number {
    if (this.#end % alignment !== 0)
      throw new RangeError(`field ${name} at ${this.#end} is not aligned to ${alignment}`);
    const offset = this.#end;
    this.#fields.push({ name, offset, bytes });
    this.#end += bytes;
    return offset;
  }
}

export function fields(): Fields {
  return new Fields();
}

/** A word index for a byte offset that is known to be word-aligned. */
export function word(offset: number): number {
  if (offset % 4 !== 0) throw new RangeError(`offset ${offset} is not word-aligned`);
  return offset >>> 2;
}

/** Draws a layout as a table: offset, size, name. Documentation quotes this text and a test compares it. */
export function diagram(title: string, layout: Layout): string {
  const rows = layout.fields.map((f) => `${String(f.offset).padStart(6)}  ${String(f.bytes).padStart(5)}  ${f.name}`);
  return [`${title} (${layout.bytes} bytes)`, 'offset  bytes  field', ...rows].join('\n');
}
