import type { MuxStream } from "./mux-stream.ts";

const NONE: readonly MuxStream[] = [];

/** The streams open on a link, and those that wait to be served when the link next sends. */
export class StreamTable {
  /** By id. Not a `Map`, whose outgrown tables keep what was in them from the collection of young objects. */
  readonly #streams: Record<number, MuxStream> = {};
  #size = 0;
  #creditsDue: MuxStream[] = [];
  #sentDue: MuxStream[] = [];

  get size(): number {
    return this.#size;
  }

  get(id: number): MuxStream | undefined {
    return this.#streams[id];
  }

  all(): readonly MuxStream[] {
    return Object.values(this.#streams);
  }

  add(stream: MuxStream): void {
    this.#streams[stream.id] = stream;
    this.#size++;
  }

  /** Whether it was there. */
  remove(stream: MuxStream): boolean {
    if (this.#streams[stream.id] === undefined) return false;
    delete this.#streams[stream.id];
    this.#size--;
    return true;
  }

  /** The stream has drained enough for credit to go back; `false` when that was known. */
  addCreditDue(stream: MuxStream): boolean {
    if (stream.creditQueued) return false;
    stream.creditQueued = true;
    this.#creditsDue.push(stream);
    return true;
  }

  takeCreditsDue(): readonly MuxStream[] {
    if (this.#creditsDue.length === 0) return NONE;
    const due = this.#creditsDue;
    this.#creditsDue = [];
    for (const stream of due) stream.creditQueued = false;
    return due;
  }

  /** The stream's writer is to hear that something of it has left. */
  addSentDue(stream: MuxStream): void {
    this.#sentDue.push(stream);
  }

  takeSentDue(): readonly MuxStream[] {
    if (this.#sentDue.length === 0) return NONE;
    const due = this.#sentDue;
    this.#sentDue = [];
    return due;
  }

  /** The stream that holds most of what was received and not drained, if any holds something. */
  largestBacklog(): MuxStream | undefined {
    let largest: MuxStream | undefined;
    for (const stream of this.all()) {
      if (stream.backlogBytes > (largest?.backlogBytes ?? 0)) largest = stream;
    }
    return largest;
  }
}
