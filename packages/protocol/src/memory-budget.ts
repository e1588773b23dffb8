/**
 * How much received and not yet drained data may be held: one budget per link, whose parent is the
 * process's. Half used, it presses (windows stop growing and shrink); full, the stream with the largest
 * backlog is ended.
 */
export class MemoryBudget {
  readonly #limitBytes: number;
  readonly #parent: MemoryBudget | undefined;
  #usedBytes = 0;

  constructor(limitBytes: number, parent?: MemoryBudget) {
    this.#limitBytes = limitBytes;
    this.#parent = parent;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** More than half is in use, here or above. */
  get pressed(): boolean {
    return this.#usedBytes * 2 > this.#limitBytes || (this.#parent?.pressed ?? false);
  }

  /** More than all is in use, here or above. */
  get exceeded(): boolean {
    return this.#usedBytes > this.#limitBytes || (this.#parent?.exceeded ?? false);
  }

  acquire(bytes: number): void {
    this.#usedBytes += bytes;
    this.#parent?.acquire(bytes);
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
    this.#parent?.release(bytes);
  }
}
