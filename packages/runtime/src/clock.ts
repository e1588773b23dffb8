/** Time as a session needs it: injected, so that tests let it pass as they like. */
export interface Clock {
  /** Monotonic. Milliseconds. */
  readonly nowMs: number;
  /** Does something `delayMs` from now; gives a function that calls it off. */
  schedule(delayMs: number, act: () => void): () => void;
  /** Does something at the end of the current callback. */
  next(act: () => void): void;
  /** Does something after the I/O that is ready now. */
  soon(act: () => void): void;
}

/** The process's own clock. */
export const systemClock: Clock = {
  get nowMs() {
    return performance.now();
  },
  schedule(delayMs, act) {
    const timer = setTimeout(act, delayMs);
    return () => clearTimeout(timer);
  },
  next: queueMicrotask,
  soon(act) {
    setImmediate(act);
  },
};
