/**
 * One job from acceptance to its end:
 *
 *   seeking ──granted──▶ trying ──succeeded──▶ ended (completed)
 *      ▲                   │ failed
 *      └──may try another──┴──────────────────▶ ended (failed)
 *
 * and from every state by the deadline (job_timeout), by `cancel`, or by `fail`. Whatever comes after the end
 * is ignored (faults G7, G8).
 */
import { roundMs } from "@porchlight/protocol/round-ms";
import { ProxyError } from "@porchlight/protocol/errors";
import { IDEMPOTENT_METHODS } from "@porchlight/protocol/job";
import type { HttpHead } from "@porchlight/protocol/message";
import { NO_SEAT, type Seated } from "@porchlight/runtime/roster";
import { exitOf } from "../agents/registry.ts";
import { ExitSearch, type SearchContext, type SearchOwner } from "./exit-search.ts";
import { JobAttempt, type AttemptOwner } from "./job-attempt.ts";
import type { Job, JobOutcome, JobSink, RunningJob, Serving } from "./job.ts";
import type { Grant } from "./waiting-line.ts";

/** What every run of a dispatcher shares. */
export interface RunContext extends SearchContext {
  /** Called once, before the outcome is handed out. */
  ended(run: JobRun, outcome: JobOutcome): void;
}

/** One accepted job; its `outcome` settles exactly once and never rejects. */
export class JobRun implements RunningJob, SearchOwner, AttemptOwner, Seated {
  readonly job: Job;
  readonly outcome: Promise<JobOutcome>;
  readonly startedAtMs: number;
  /** Among those under way. */
  seat = NO_SEAT;
  /** The attempt under way, or the last one. */
  attempt: JobAttempt | undefined;
  readonly #sink: JobSink;
  readonly #context: RunContext;
  readonly #search: ExitSearch;
  readonly #deadline: NodeJS.Timeout;
  readonly #settle: (outcome: JobOutcome) => void;
  #serving: Serving | undefined;
  #ended = false;

  constructor(job: Job, sink: JobSink, context: RunContext) {
    this.job = job;
    this.#sink = sink;
    this.#context = context;
    const { promise, resolve } = Promise.withResolvers<JobOutcome>();
    this.outcome = promise;
    this.#settle = resolve;
    this.#search = new ExitSearch(context, { work: job, tunnel: false, owner: this });
    this.startedAtMs = context.now();
    this.#deadline = setTimeout(this.#expire, job.timeoutMs);
  }

  /** Whether it stands in the waiting line. */
  get waiting(): boolean {
    return this.#search.waiting;
  }

  start(): void {
    this.#search.seek();
  }

  cancel(reason: string): void {
    // Called behind every answer, when the client's connection closes: an error is not made for nothing.
    if (!this.#ended) this.fail(new ProxyError("cancelled", reason));
  }

  /** Ends the job with an error at every hop. Nothing happens when it has ended. */
  fail(error: ProxyError): void {
    if (this.#ended) return;
    if (!this.#search.waiting && this.attempt !== undefined) {
      this.#note(this.attempt, error);
      this.attempt.abort(error.code, error.message);
    }
    this.exhausted(error);
  }

  remainingMs(): number {
    return this.startedAtMs + this.job.timeoutMs - this.#context.now();
  }

  granted(grant: Grant): void {
    this.attempt = new JobAttempt(this.job, grant, { owner: this, nowMs: this.#context.now() });
    this.attempt.start();
  }

  exhausted(error: ProxyError): void {
    const status = error.code === "cancelled" ? "cancelled" : "failed";
    this.#finish({ status, error, attempts: this.#search.trail.attempts });
  }

  begun({ record, startedAtMs }: JobAttempt, head: HttpHead): void {
    const ms = this.#context.now() - startedAtMs;
    this.#serving = { head, exit: exitOf(record), ...this.#search.served(record, ms) };
    try {
      this.#sink.begin(this.#serving);
    } catch (thrown) {
      // A door's fault must not reach the link, on which others run.
      this.fail(ProxyError.from(thrown));
    }
  }

  data(chunk: Uint8Array, consume: (bytes: number) => void): void {
    try {
      this.#sink.data(chunk, consume);
    } catch (thrown) {
      this.fail(ProxyError.from(thrown));
    }
  }

  succeeded(attempt: JobAttempt): void {
    const serving = this.#serving;
    if (this.#ended || serving === undefined) return;
    const nowMs = this.#context.now();
    const agent = serving.head.timings;
    this.#finish({
      status: "completed",
      serving,
      attempts: this.#search.trail.servedBy(attempt.record, nowMs - attempt.startedAtMs),
      bytes: { sent: this.job.body?.length ?? 0, received: attempt.receivedBytes },
      timings: {
        queueMs: roundMs(this.#search.queueMs),
        dnsMs: roundMs(agent.dnsMs),
        connectMs: roundMs(agent.connectMs),
        tlsMs: roundMs(agent.tlsMs),
        ttfbMs: roundMs(agent.ttfbMs),
        totalMs: roundMs(nowMs - this.startedAtMs),
      },
    });
  }

  failed(attempt: JobAttempt, error: ProxyError): void {
    if (this.#ended) return;
    const failure = this.#note(attempt, error);
    if (!this.#mayGoOn(attempt, error)) return this.exhausted(failure);
    if (this.#serving !== undefined) this.#sink.reset();
    this.#serving = undefined;
    this.#search.seek();
  }

  readonly #expire = (): void => {
    const what = this.#search.waiting ? "did not get an agent" : "was not done";
    this.fail(new ProxyError("job_timeout", `The job ${what} within ${this.job.timeoutMs} ms`));
  };

  #mayGoOn({ answered }: JobAttempt, { code, unsent }: ProxyError): boolean {
    const repeatable = this.job.retryUnsafe || IDEMPOTENT_METHODS.has(this.job.method);
    const harmless = repeatable || (unsent && !answered);
    return !this.#sink.committed && this.#search.mayGoOn(code, harmless);
  }

  /** What the job fails of if this was its last attempt. */
  #note({ record, startedAtMs, answered }: JobAttempt, error: ProxyError): ProxyError {
    const ms = this.#context.now() - startedAtMs;
    return this.#search.failed(record, { error, unsent: error.unsent && !answered, ms });
  }

  #finish(outcome: JobOutcome): void {
    this.#ended = true;
    clearTimeout(this.#deadline);
    this.#search.end();
    this.#context.ended(this, outcome);
    this.#settle(outcome);
  }
}
