/** Runs jobs on agents: the use case behind the job API and the forward proxy. */
import { ProxyError } from "@porchlight/protocol/errors";
import type { Logger } from "@porchlight/runtime/logger";
import { Roster } from "@porchlight/runtime/roster";
import type { SearchContext } from "./exit-search.ts";
import type { Job, JobOutcome, JobSink, RunningJob } from "./job.ts";
import { logJob } from "./job-log.ts";
import { JobRun, type RunContext } from "./job-run.ts";

interface DispatcherOptions extends Omit<SearchContext, "now"> {
  readonly logger: Logger;
  /** Milliseconds that never go back; default `performance.now`. */
  readonly now?: () => number;
}

/** Runs the jobs of this node, each to its end. */
export class Dispatcher {
  readonly #context: RunContext;
  readonly #logger: Logger;
  readonly #runs = new Roster<JobRun>();
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(options: DispatcherOptions) {
    this.#logger = options.logger;
    this.#context = {
      ...options,
      now: options.now ?? (() => performance.now()),
      ended: (run, outcome) => this.#ended(run, outcome),
    };
  }

  /** Jobs accepted and not yet ended, waiting ones included. */
  get inFlight(): number {
    return this.#runs.size;
  }

  /**
   * Runs a job; its answer goes to the sink as it comes, and the outcome tells how it ended. Every job ends
   * within its `timeoutMs`. While draining, the outcome is `shutting_down`.
   */
  run(job: Job, sink: JobSink): RunningJob {
    const run = new JobRun(job, sink, this.#context);
    this.#runs.add(run);
    if (this.#drained === undefined) run.start();
    else run.fail(shuttingDown());
    return run;
  }

  /** Takes no new jobs; resolves when those under way have ended. */
  drain(): Promise<void> {
    this.#drained ??= Promise.withResolvers();
    if (this.#runs.size === 0) this.#drained.resolve();
    return this.#drained.promise;
  }

  /** Ends every job under way with `shutting_down`, and takes no new ones. */
  close(): void {
    void this.drain();
    const runs = [...this.#runs];
    // First those that wait: they would be given the slots that the others leave.
    for (const run of runs) if (run.waiting) run.fail(shuttingDown());
    for (const run of runs) run.fail(shuttingDown());
  }

  #ended(run: JobRun, outcome: JobOutcome): void {
    this.#runs.delete(run);
    logJob(this.#logger, run, { outcome, nowMs: this.#context.now() });
    if (this.#runs.size === 0) this.#drained?.resolve();
  }
}

function shuttingDown(): ProxyError {
  return new ProxyError("shutting_down", "The orchestrator is shutting down");
}
