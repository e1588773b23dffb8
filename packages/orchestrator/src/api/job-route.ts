/**
 * `POST /v1/request` on bare node:http: the one route where every microsecond counts.
 * Order: overload, key, head, body, job; each step costs more than the one before and is refused before the next.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ProxyError } from "@porchlight/protocol/errors";
import { createId } from "@porchlight/runtime/ids";
import type { Logger } from "@porchlight/runtime/logger";
import { commonHeaders, jobHeaders } from "../http/answer-headers.ts";
import { askForBody, send } from "../http/answer.ts";
import { BufferedSink } from "../jobs/buffered-sink.ts";
import { parseJobRequest, type JobOrder, type JobRules } from "../jobs/job-request.ts";
import { jobResult, type CompletedOutcome } from "../jobs/job-result.ts";
import type { Job, JobOutcome } from "../jobs/job.ts";
import { authorise, type KeyRing } from "./bearer.ts";
import { checkBodyHead, parseJson, readBody } from "./json-body.ts";
import type { JobRunner } from "./ports.ts";
import { problemAnswer, type ProblemContext } from "./problem.ts";
import { RawSink } from "./raw-sink.ts";

/** What one call is judged by, and what runs its job; `BODY_DEADLINE_MS` is 30 s. */
export interface JobRouteParts {
  readonly keys: KeyRing;
  readonly jobs: JobRunner;
  readonly rules: JobRules;
  /** Largest request body. */
  readonly maxBodyBytes: number;
  /** Default `BODY_DEADLINE_MS`. */
  readonly bodyDeadlineMs?: number;
  readonly logger: Pick<Logger, "debug" | "error">;
  /** Whether this process has no room for new work (faults F18). */
  isOverloaded(): boolean;
}

/** The route itself: one call is one job, and the job ends with its call. */
export class JobRoute {
  readonly #parts: JobRouteParts;

  constructor(parts: JobRouteParts) {
    this.#parts = parts;
  }

  /** Answers one call, whatever happens; never rejects. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ): Promise<void> {
    try {
      const order = await this.#accept(request, response, requestId);
      if (order.format === "raw") await this.#stream(order.job, response);
      else await this.#buffer(order, response);
    } catch (thrown) {
      this.#refuse(response, ProxyError.from(thrown), { requestId });
    }
  }

  async #accept(
    request: IncomingMessage,
    response: ServerResponse,
    requestId: string,
  ): Promise<JobOrder> {
    const { keys, rules, maxBodyBytes, bodyDeadlineMs } = this.#parts;
    this.#refuseOverload(response);
    const { account } = authorise(keys, request.headers.authorization, ["client"]);
    checkBodyHead(request, maxBodyBytes);
    askForBody(response);
    const body = await readBody(response, {
      maxBytes: maxBodyBytes,
      ...(bodyDeadlineMs !== undefined && { deadlineMs: bodyDeadlineMs }),
    });
    return parseJobRequest(parseJson(body), { jobId: createId("job"), requestId, account }, rules);
  }

  #refuseOverload(response: ServerResponse): void {
    if (!this.#parts.isOverloaded()) return;
    // Frees the descriptor that is short.
    response.setHeader("Connection", "close");
    throw new ProxyError("overloaded", "The orchestrator has no room for more connections");
  }

  async #buffer({ job, bodyEncoding }: JobOrder, response: ServerResponse): Promise<void> {
    const sink = new BufferedSink(job.maxResponseBytes ?? this.#parts.rules.maxResponseBytes);
    const running = this.#parts.jobs.run(job, sink);
    // Comes after a whole answer too, when there is nothing left to cancel (faults A28).
    response.once("close", () => running.cancel("The client went away"));
    const outcome = await running.outcome;
    if (outcome.status !== "completed") return this.#refuseJob(response, job, outcome);
    if (response.destroyed) return;
    const result = jobResult({ job, outcome, body: sink.body(), bodyEncoding });
    const headers = resultHeaders(job, outcome);
    send(response, { status: 200, headers, body: JSON.stringify(result) });
  }

  async #stream(job: Job, response: ServerResponse): Promise<void> {
    const sink = new RawSink(response, job);
    const running = this.#parts.jobs.run(job, sink);
    response.once("close", () => running.cancel("The client went away"));
    const outcome = await running.outcome;
    if (outcome.status === "completed") sink.end();
    else if (sink.committed) sink.abort();
    else this.#refuseJob(response, job, outcome);
  }

  #refuseJob(
    response: ServerResponse,
    { id: jobId, requestId }: Job,
    { error, attempts }: Exclude<JobOutcome, CompletedOutcome>,
  ): void {
    this.#refuse(response, error, { requestId, jobId, attempts });
  }

  #refuse(response: ServerResponse, error: ProxyError, context: ProblemContext): void {
    const { requestId, jobId } = context;
    const fields = { requestId, jobId, code: error.code };
    if (error.code === "internal") {
      this.#parts.logger.error({ ...fields, err: error }, "Call failed");
    } else this.#parts.logger.debug(fields, "Call refused");
    send(response, problemAnswer(error, context));
  }
}

function resultHeaders(job: Job, { attempts, serving }: CompletedOutcome): Record<string, string> {
  return {
    ...commonHeaders(job.requestId),
    "Content-Type": "application/json",
    ...jobHeaders({ jobId: job.id, attempts, session: serving.session }),
  };
}
