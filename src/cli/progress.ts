/** One line that tells how far something has come: rewritten on a terminal, repeated every few seconds elsewhere. */
export class ProgressLine {
  readonly #started = Date.now();
  #toldAtMs = this.#started;

  tell(text: string): void {
    const now = Date.now();
    const everyMs = process.stdout.isTTY ? 100 : 3000;
    if (now - this.#toldAtMs < everyMs) return;
    this.#toldAtMs = now;
    const line = `  ${text}  (${((now - this.#started) / 1000).toFixed(0)} s)`;
    process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  }

  /** The last word, in the line's place. */
  end(text: string): void {
    process.stdout.write(process.stdout.isTTY ? `\r\x1b[K  ${text}\n` : `  ${text}\n`);
  }
}
