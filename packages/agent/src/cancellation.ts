/**
 * Lets what is done step by step be ended from outside. The step under way hears of it: one at a time, which is what makes
 * it cheaper than an `AbortSignal`, where each tunnel needs one.
 */
export class Cancellation {
  #reason: Error | undefined;
  #hear: ((reason: Error) => void) | undefined;

  /** Ends it, the first time it is called. */
  cancel(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#hear?.(reason);
  }

  /** Hears of the end from now on, instead of whoever did before; not of one that has come already. */
  listen(hear: ((reason: Error) => void) | undefined): void {
    this.#hear = hear;
  }

  /** @throws the reason once it has been cancelled */
  check(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }
}
