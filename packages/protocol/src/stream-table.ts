import type { MuxStream } from "./mux-stream.ts";

const NONE: readonly MuxStream[] = [];

/** The streams open on a link, and those that wait to be served when the link next sends. */
export class StreamTable {
  readonly #streams = new Map<number, MuxStream>();
  #creditsDue: MuxStream[] = [];
  #drainsDue: MuxStream[] = [];

  get size(): number {
    return this.#streams.size;
  }

  get(id: number): MuxStream | undefined {
    return this.#streams.get(id);
  }

  all(): IterableIterator<MuxStream> {
    return this.#streams.values();
  }

  add(stream: MuxStream): void {
    this.#streams.set(stream.id, stream);
  }

  /** Whether it was there. */
  remove(stream: MuxStream): boolean {
    return this.#streams.delete(stream.id);
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

  /** The stream's writer waits, and there is room again. */
  addDrainDue(stream: MuxStream): void {
    this.#drainsDue.push(stream);
  }

  takeDrainsDue(): readonly MuxStream[] {
    if (this.#drainsDue.length === 0) return NONE;
    const due = this.#drainsDue;
    this.#drainsDue = [];
    return due;
  }

  /** The stream that holds most of what was received and not drained, if any holds something. */
  largestBacklog(): MuxStream | undefined {
    let largest: MuxStream | undefined;
    for (const stream of this.#streams.values()) {
      if (stream.backlogBytes > (largest?.backlogBytes ?? 0)) largest = stream;
    }
    return largest;
  }
}
