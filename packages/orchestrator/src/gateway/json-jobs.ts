import type { ProxyError } from "@porchlight/protocol/errors";
import type { JsonResult } from "@porchlight/protocol/json-profile-result";
import type { JsonExchange } from "./json-exchange.ts";
import type { JobOwners } from "./job-owners.ts";

/** Ended jobs a link remembers: late results come within seconds, and a link runs at most 1,024 jobs at a time. */
const MAX_ENDED_JOBS = 4_096;

/** Whose job a result answers: one running here, one ended here, one of another agent, nobody's. */
export type Addressee = "running" | "ended" | "foreign" | "unknown";

interface RunningJob {
  readonly exchange: JsonExchange;
  /** The agent the link had when the job began: a late hello may rename it. */
  readonly agentId: string;
}

/** The jobs of one JSON link: which run, and which have ended, so that a late result is told from an invented one. */
export class JsonJobs {
  readonly #owners: JobOwners;
  readonly #running = new Map<string, RunningJob>();
  /** In the order they ended. */
  readonly #ended = new Set<string>();

  constructor(owners: JobOwners) {
    this.#owners = owners;
  }

  start(jobId: string, agentId: string, exchange: JsonExchange): void {
    this.#ended.delete(jobId);
    this.#running.set(jobId, { exchange, agentId });
    this.#owners.claim(jobId, agentId);
  }

  /** `agentId` is the agent that sent the result. */
  addresseeOf(jobId: string, agentId: string | undefined): Addressee {
    if (this.#running.has(jobId)) return "running";
    if (this.#ended.has(jobId)) return "ended";
    const owner = this.#owners.ownerOf(jobId);
    // An agent may answer over its new link what it was given over the old one: too late, but no trespass.
    if (owner === agentId && owner !== undefined) return "ended";
    return owner === undefined ? "unknown" : "foreign";
  }

  /** Gives a running job its answer, which ends it: a second one is late (faults G7). */
  answer(jobId: string, result: JsonResult, nowMs: number): void {
    const job = this.#running.get(jobId);
    this.end(jobId);
    job?.exchange.answer(result, nowMs);
  }

  /** The job has ended here; a result that still comes is late (faults G8). */
  end(jobId: string): void {
    const job = this.#running.get(jobId);
    if (job === undefined) return;
    this.#running.delete(jobId);
    this.#owners.release(jobId, job.agentId);
    this.#ended.add(jobId);
    if (this.#ended.size <= MAX_ENDED_JOBS) return;
    const [oldest] = this.#ended;
    if (oldest !== undefined) this.#ended.delete(oldest);
  }

  /** Every running job fails. */
  fail(error: ProxyError): void {
    for (const [jobId, { exchange }] of this.#running) {
      this.end(jobId);
      exchange.fail(error);
    }
  }
}
