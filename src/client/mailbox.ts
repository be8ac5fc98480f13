import { REQUEST_CALL } from '../../native-layout/mailbox.js';
import type { Control } from '../memory/control.js';
import { RingReader, RingWriter } from '../mailbox/ring.js';
import { isAsleep, ringDoorbell } from '../shard/wait.js';
import type { Calls } from './calls.js';
import { Completion } from './completion.js';
import type { Outgoing } from './request-writer.js';

/** One client thread's two rings with one shard, and the requests that did not fit yet. */
export class Mailbox {
  readonly #requests: RingWriter;
  readonly #completions: RingReader;
  readonly #completion: Completion;
  readonly #control: Control;
  #backlog: Uint32Array[] = [];
  /** Whether nobody reads the ring: everything waits in the backlog then. */
  #held = false;
  /** Whether the shard was woken, and has not been seen awake since. */
  #woken = false;

  constructor(control: Control, requests: SharedArrayBuffer, completions: SharedArrayBuffer) {
    this.#control = control;
    this.#requests = new RingWriter(requests);
    this.#completions = new RingReader(completions);
    this.#completion = new Completion(this.#completions);
  }

  /** Puts a request into the ring, or behind those that wait for room. It is sent by the next {@link send}. */
  post(outgoing: Outgoing): void {
    const { words } = outgoing;
    if (!this.#takes(words)) {
      this.#backlog.push(encoded(outgoing, words));
      return;
    }
    outgoing.write(this.#requests.words, this.#requests.bytes, this.#requests.reserve(words));
  }

  /** Puts an encoded request into the ring, or behind those that wait. */
  postRecord(source: Uint32Array, from: number, call: number): void {
    const words = source[from];
    source[from + REQUEST_CALL] = call;
    if (!this.#takes(words)) {
      this.#backlog.push(source.slice(from, from + words));
      return;
    }
    const target = this.#requests.words;
    const at = this.#requests.reserve(words);
    for (let i = 1; i < words; i++) target[at + i] = source[from + i];
  }

  /** Shows the shard what was posted, and wakes it if it sleeps. */
  send(): void {
    this.#requests.publish();
    if (ringDoorbell(this.#control)) this.#woken = true;
  }

  /** Hands out the completions that are there. Answers whether there were any. */
  drain(calls: Calls): boolean {
    let at = this.#completions.next();
    if (at < 0) return false;
    this.#woken = false;
    for (; at >= 0; at = this.#completions.next()) calls.complete(this.#completion.open(at));
    this.#completions.release();
    if (this.#backlog.length > 0 && !this.#held) this.#sendBacklog();
    return true;
  }

  get ready(): boolean {
    return this.#completions.ready;
  }

  /** Whether the shard was woken for what was sent, and has had no core yet. */
  get waking(): boolean {
    if (this.#woken) this.#woken = isAsleep(this.#control);
    return this.#woken;
  }

  /**
   * The thread that read this ring is gone: what it answered is handed out, and what it did not answer of the ring is never
   * carried out. What never was in the ring, and what is posted from now on, waits for {@link resume}.
   */
  hold(calls: Calls): void {
    this.#held = true;
    this.drain(calls);
    // What was written and not yet shown must not be found by the next thread, which drops all that it can see.
    this.#requests.publish();
  }

  /** Calls that wait for room in the ring, or for somebody to read it. */
  get waiting(): ReadonlySet<number> {
    return new Set(this.#backlog.map((record) => record[REQUEST_CALL]));
  }

  /** Nobody will read the ring: nothing waits any more. */
  drop(): void {
    this.#backlog = [];
  }

  /** Another thread reads the ring, and has dropped what was in it. */
  resume(): void {
    this.#held = false;
    this.#sendBacklog();
  }

  #takes(words: number): boolean {
    return !this.#held && this.#backlog.length === 0 && this.#requests.fits(words);
  }

  #sendBacklog(): void {
    let sent = 0;
    for (const record of this.#backlog) {
      if (!this.#requests.fits(record.length)) break;
      const at = this.#requests.reserve(record.length);
      this.#requests.words.set(record, at);
      sent++;
    }
    this.#backlog.splice(0, sent);
    this.send();
  }
}

function encoded(outgoing: Outgoing, words: number): Uint32Array {
  const record = new Uint32Array(words);
  record[0] = words;
  outgoing.write(record, new Uint8Array(record.buffer), 0);
  return record;
}
