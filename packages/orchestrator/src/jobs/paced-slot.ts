import type { Slot } from "../agents/registry.ts";
import type { Pace } from "../routing/pacing.ts";

/** A slot together with its request's pace. */
export class PacedSlot implements Slot {
  readonly #slot: Slot;
  readonly #pace: Pace;
  readonly #now: () => number;

  /** @param now milliseconds that never go back */
  constructor(slot: Slot, pace: Pace, now: () => number) {
    this.#slot = slot;
    this.#pace = pace;
    this.#now = now;
  }

  /** The pace first: who is given the slot may have the same target. */
  release(): void {
    this.#pace.end(this.#now());
    this.#slot.release();
  }
}
