const CHARACTERS_PER_WRITE = 64 * 1024;

/** Lines of JSON to the standard output, many at a time. */
export class LineOutput {
  #lines: string[] = [];
  #characters = 0;

  write(line: object): void {
    const text = JSON.stringify(line, withBytes);
    this.#lines.push(text);
    this.#characters += text.length;
    if (this.#characters >= CHARACTERS_PER_WRITE) this.flush();
  }

  flush(): void {
    if (this.#lines.length === 0) return;
    process.stdout.write(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
    this.#characters = 0;
  }
}

/** Bytes as `{"base64": …}`. `Buffer` has turned itself into an object with its numbers by the time we see it. */
function withBytes(this: unknown, name: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[name];
  return original instanceof Uint8Array ? { base64: Buffer.from(original).toString('base64') } : value;
}
