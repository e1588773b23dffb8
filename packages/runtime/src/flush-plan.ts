/**
 * When the output of a link leaves. Every write costs as much as dozens of small frames, at both ends: with many streams at
 * work, output is collected for as long as each turn of the event loop brings more, within bounds.
 */
import type { Clock } from "./clock.ts";

/** With no more streams than this there is little to collect, and output leaves at the end of the current callback. */
const FEW_STREAMS = 2;

/** What leaves at the end of its turn: so many control frames and writes to streams. */
const ENOUGH_OUTPUT = 12;

/** Turns of the event loop that output waits for more at most, behind its own. */
const MAX_EXTRA_TURNS = 5;

/** Calls for one flush per collection of output. */
export class FlushPlan {
  readonly #clock: Clock;
  readonly #flush: () => void;
  #isPlanned = false;
  /** Calls of `add` since the last flush, and how many they were one turn ago. */
  #waiting = 0;
  #waitedBefore = 0;
  #extraTurns = 0;

  constructor(clock: Clock, flush: () => void) {
    this.#clock = clock;
    this.#flush = flush;
  }

  /** There is something to be sent on a link that carries so many streams. */
  add(streams: number): void {
    this.#waiting++;
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    if (isFew(streams)) this.#clock.next(this.#leave);
    else this.#clock.soon(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    const isGrowing = this.#waiting > this.#waitedBefore && this.#waiting < ENOUGH_OUTPUT;
    if (!isGrowing || this.#extraTurns === MAX_EXTRA_TURNS) return this.#leave();
    this.#waitedBefore = this.#waiting;
    this.#extraTurns++;
    this.#clock.soon(this.#endTurn);
  };

  readonly #leave = (): void => {
    this.#isPlanned = false;
    this.#waiting = 0;
    this.#waitedBefore = 0;
    this.#extraTurns = 0;
    this.#flush();
  };
}

/** Whether a link with so many streams has little to collect. */
export function isFew(streams: number): boolean {
  return streams <= FEW_STREAMS;
}
