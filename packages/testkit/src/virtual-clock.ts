interface Task {
  readonly dueMs: number;
  /** Order of tasks that are due together. */
  readonly number: number;
  readonly act: () => void;
}

/** Time that passes only when a test says so; what is due together happens in the order it was scheduled. */
export class VirtualClock {
  #nowMs = 0;
  #lastNumber = 0;
  /** Sorted by due time, then by number. */
  readonly #tasks: Task[] = [];

  /** Milliseconds since the clock was made. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** When the next task is due, `undefined` when none is scheduled. */
  get nextMs(): number | undefined {
    return this.#tasks[0]?.dueMs;
  }

  /** Does something `delayMs` from now; gives a function that calls it off. */
  schedule(delayMs: number, act: () => void): () => void {
    const task = { dueMs: this.#nowMs + Math.max(0, delayMs), number: ++this.#lastNumber, act };
    const behind = this.#tasks.findLastIndex((other) => other.dueMs <= task.dueMs);
    this.#tasks.splice(behind + 1, 0, task);
    return () => {
      const index = this.#tasks.indexOf(task);
      if (index !== -1) this.#tasks.splice(index, 1);
    };
  }

  /** As `soon`. */
  next(act: () => void): void {
    this.schedule(0, act);
  }

  /** Does something in its turn, without letting time pass. */
  soon(act: () => void): void {
    this.schedule(0, act);
  }

  /** Lets `durationMs` pass, doing everything that falls due. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (let next = this.#tasks[0]; next && next.dueMs <= endMs; next = this.#tasks[0]) {
      this.#tasks.shift();
      this.#nowMs = next.dueMs;
      next.act();
    }
    this.#nowMs = endMs;
  }

  /**
   * Lets time pass until nothing is scheduled any more.
   * @throws {Error} when that takes more than `maxTasks` tasks (default 1,000,000): something goes round in circles.
   */
  settle(maxTasks = 1_000_000): void {
    for (let done = 0; this.nextMs !== undefined; done++) {
      if (done > maxTasks) throw new Error(`Still not settled after ${maxTasks} tasks`);
      this.advance(this.nextMs - this.#nowMs);
    }
  }
}
